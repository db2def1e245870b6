using System.Text;
using Shop.Local.Servers;

namespace Shop.Local.State;

/// <summary>
/// Every process that a home's AppHost has started, at any depth: the orchestrator, the dashboard, services and servers. They are found
/// by a variable of their environment, so also those that a killed AppHost has left.
/// </summary>
internal static class Leftovers
{
    private const string Variable = "SHOP_STARTED_FOR";
    private static readonly TimeSpan s_grace = TimeSpan.FromSeconds(10);

    /// <summary>Whatever this process starts from now on is found. The process itself is not.</summary>
    public static void Mark(string home) => Environment.SetEnvironmentVariable(Variable, home);

    /// <summary>Stops the processes that a killed AppHost left running: services first, then servers. Returns whether there were any.</summary>
    public static async Task<bool> StopAsync(string home, Action<string> log, CancellationToken ct)
    {
        var left = Find(home);
        if (left.Count == 0)
        {
            return false;
        }

        log($"Stopping what an earlier AppHost left running ({left.Count} processes).");
        ServerProcesses.Signal(left.Where(IsOrchestrator), ServerProcesses.Kill); // it would stop all of them concurrently
        ServerProcesses.Signal(Find(home).Where(IsService), ServerProcesses.Terminate);
        await ServerProcesses.WaitAsync(() => !Find(home).Any(IsService), s_grace, ct);
        await EndAsync(home, TimeSpan.Zero);
        return true;
    }

    /// <summary>Waits until no process is left, and kills the rest after a timeout.</summary>
    public static async Task EndAsync(string home, TimeSpan timeout)
    {
        if (!await ServerProcesses.WaitAsync(() => Find(home).All(IsNameService), timeout, CancellationToken.None))
        {
            await StopServersAsync(home, CancellationToken.None);
        }

        await ServerProcesses.WaitAsync(() =>
        {
            var rest = Find(home);
            ServerProcesses.Signal(rest, ServerProcesses.Kill);
            return rest.Count == 0;
        }, s_grace, CancellationToken.None);
    }

    private static async Task StopServersAsync(string home, CancellationToken ct)
    {
        if (Path.Combine(home, "postgres") is var postgres && Directory.Exists(postgres))
        {
            await PostgresServer.StopDirectoryAsync(postgres, ct);
        }

        if (Path.Combine(home, "rabbitmq") is var rabbitmq && Directory.Exists(rabbitmq))
        {
            await RabbitMqNode.Open(rabbitmq).StopAsync(s_grace, ct);
        }
    }

    private static IReadOnlyList<int> Find(string home)
    {
        var mark = Encoding.UTF8.GetBytes($"{Variable}={home}\0");
        return ServerProcesses.Find(process =>
            File.ReadAllBytes(Path.Combine(process, "environ")).AsSpan().IndexOf(mark) >= 0
            && !File.ReadAllText(Path.Combine(process, "stat")).Contains(") Z ", StringComparison.Ordinal));
    }

    private static bool IsOrchestrator(int process) => CommandOf(process).Split(' ')[0].EndsWith("/dcp", StringComparison.Ordinal);

    private static bool IsService(int process) => CommandOf(process).Contains("/services/", StringComparison.Ordinal);

    /// <summary>Erlang's name service detaches itself and has nothing to lose.</summary>
    private static bool IsNameService(int process) => CommandOf(process).Split(' ')[0].EndsWith("epmd", StringComparison.Ordinal);

    /// <summary>The program and its first argument.</summary>
    private static string CommandOf(int process)
    {
        try
        {
            return string.Join(' ', File.ReadAllText($"/proc/{process}/cmdline").Split('\0').Take(2));
        }
        catch (IOException)
        {
            return ""; // ended meanwhile
        }
    }
}
