using Shop.AppHost.Native.Servers;

namespace Shop.AppHost.Native.State;

/// <summary>Stops what an instance that was killed left running, in the order in which it would have stopped it itself.</summary>
internal static class Leftovers
{
    private static readonly TimeSpan s_grace = TimeSpan.FromSeconds(15);

    /// <summary>
    /// Programs are stopped if they are still the very processes of the state; servers are found by the directories that
    /// they work in. Says whether there was anything.
    /// </summary>
    public static async Task<bool> StopAsync(string home, Action<string> log, CancellationToken ct)
    {
        var state = ShopState.Read(home);
        var programs = Running([.. state.Services.Select(s => s.Process), .. state.Others]);
        var servers = Running(state.Servers.Select(s => s.Process));
        if (programs.Count + servers.Count > 0)
        {
            log($"Stopping what an earlier shop left running ({programs.Count + servers.Count} processes).");
            await StopAsync(programs, ct);
        }

        // By its directory, a server is also found when its owner was killed before it could write the state.
        if (Path.Combine(home, "postgres") is var postgres && Directory.Exists(postgres))
        {
            await PostgresServer.StopDirectoryAsync(postgres, ct);
        }

        if (Path.Combine(home, "rabbitmq") is var rabbitmq && Directory.Exists(rabbitmq))
        {
            await RabbitMqNode.Open(rabbitmq).StopAsync(s_grace, ct);
        }

        return programs.Count + servers.Count > 0;
    }

    private static List<ProcessIdentity> Running(IEnumerable<ProcessIdentity?> processes) =>
        [.. processes.OfType<ProcessIdentity>().Where(p => p.IsRunning())];

    private static async Task StopAsync(List<ProcessIdentity> processes, CancellationToken ct)
    {
        processes.ForEach(p => Signals.Terminate(p.Pid));
        using var grace = CancellationTokenSource.CreateLinkedTokenSource(ct);
        grace.CancelAfter(s_grace);
        while (processes.Exists(p => p.IsRunning()))
        {
            if (grace.IsCancellationRequested)
            {
                processes.Where(p => p.IsRunning()).ToList().ForEach(p => Signals.Kill(p.Pid));
                return;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), CancellationToken.None);
        }
    }
}
