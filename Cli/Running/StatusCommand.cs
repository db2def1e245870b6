using System.CommandLine;
using System.Text.Json;
using Shop.AppHost.Native.State;

namespace Shop.Cli.Running;

/// <summary>Says what runs and whether it is healthy, by asking each service and server now.</summary>
internal static class StatusCommand
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static Command Create()
    {
        var json = new Option<bool>("--json") { Description = "for programs" };
        var command = new Command("status", About.Text("what runs, where, how it is, and what waits", """
            Shows each service and server with its health (healthy, unhealthy, stopped), asked for now. Exits with 1 unless all of them are
            healthy.
            """))
        {
            json,
        };
        command.SetAction((parsed, ct) => ShowAsync(parsed.GetValue(json), ct));
        return command;
    }

    public static async Task<int> ShowAsync(bool json, CancellationToken ct)
    {
        using var health = new HealthCheck();
        var state = ShopState.Read(ShopHome.Root);
        var services = await Task.WhenAll(Services(state).Select(s => health.AskAsync(s, ct)));
        var servers = await Task.WhenAll(state.Servers.Select(s => HealthCheck.AskAsync(s, ct)));
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(new { services, servers }, s_json));
        }
        else
        {
            Table(services, servers);
        }

        return services.All(s => s.Health == HealthCheck.Healthy) && servers.All(s => s.Health == HealthCheck.Healthy) ? 0 : 1;
    }

    /// <summary>Those of the state; where there is none yet (or another program keeps it), those at their preferred addresses.</summary>
    private static IEnumerable<ServiceState> Services(ShopState state)
    {
        string[] order = ["ordering", "inventory", "notification", "analytics"];
        return state.Services.Count > 0
            ? state.Services.OrderBy(s => Array.IndexOf(order, s.Name))
            : order.Select(HealthCheck.AtPreferredAddress);
    }

    private static void Table(ServiceHealth[] services, ServerHealth[] servers)
    {
        List<string[]> rows = [["NAME", "HEALTH", "PID", "WHERE"]];
        rows.AddRange(services.Select(s => Row(s.Name, s.Health, s.Pid, s.Url)));
        rows.AddRange(servers.Select(s => Row(s.Name, s.Health, s.Pid, $"{s.Host}:{s.Port}")));
        var widths = Enumerable.Range(0, 4).Select(column => rows.Max(r => r[column].Length)).ToArray();
        rows.ForEach(row => Console.WriteLine(
            string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd()));
    }

    private static string[] Row(string name, string health, int? pid, string where) => [name, health, pid?.ToString() ?? "-", where];
}
