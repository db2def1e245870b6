using System.CommandLine;
using System.Text.Json;
using Shop.Local.State;
using Shop.Operations;

namespace Shop.Cli.Running;

/// <summary>Shows what runs, whether it is healthy, and what needs attention, by querying each service and server.</summary>
internal static class StatusCommand
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);
    private static readonly List<string> s_order = [.. ShopServices.Names, "console"];

    public static Command Create()
    {
        var json = new Option<bool>("--json") { Description = "for programs" };
        var connections = new Option<bool>("--connections")
        {
            Description = "also RabbitMQ's management page with its user, and a psql line for each database",
        };
        var passwords = new Option<bool>("--passwords") { Description = "with --connections: the passwords too, and not only where they are" };
        var command = new Command("status", About.Text("what runs, where, how it is, and what waits", """
            Shows each service and server with its health (healthy, unhealthy, stopped), asked for now; and for each service what its outbox
            has not sent, what is parked, and its dead letters. Exits with 1 unless all of them are healthy.
            """))
        {
            json, connections, passwords,
        };
        command.SetAction(async (parsed, ct) =>
        {
            var exitCode = await ShowAsync(parsed.GetValue(json), ct);
            if (!parsed.GetValue(json) && ShopState.Read(ShopHome.Root).Dashboard is { } dashboard)
            {
                Console.WriteLine($"\nDashboard  {dashboard}");
            }

            if (parsed.GetValue(connections))
            {
                Connections.Write(parsed.GetValue(passwords));
            }

            return exitCode;
        });
        return command;
    }

    public static async Task<int> ShowAsync(bool json, CancellationToken ct)
    {
        using var health = new HealthCheck();
        var state = ShopState.Read(ShopHome.Root);
        var services = await Task.WhenAll(Services(state).Select(s => health.AskAsync(s, ct)));
        var servers = await Task.WhenAll(state.Servers.Select(s => HealthCheck.AskAsync(s, ct)));
        using var clients = new Staff.Clients();
        var staff = new StaffApis(clients.Of);
        var messages = await Task.WhenAll(services.Where(service => service.Health == HealthCheck.Healthy && ShopServices.Names.Contains(service.Name))
            .Select(service => Answer.OrUnknownAsync(service.Name, () => ServiceOverview.AskAsync(staff.Of(service.Name), ct).WaitAsync(s_patience, ct), ct)));
        var problems = state.Problems ?? []; // of the shop that runs, or of the last start, which up -d has ended
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(new
            {
                services,
                servers,
                messages = messages.Select(answer => new
                {
                    answer.Service,
                    answer.Value?.Outbox?.Waiting,
                    answer.Value?.Outbox?.Parked,
                    answer.Value?.DeadLetters,
                    answer.Value?.Oldest,
                }),
                state.Dashboard,
                Problems = problems,
            }, s_json));
        }
        else
        {
            Table(services, servers, messages);
            Console.Write(string.Concat(problems.Select(problem => $"\n{problem}\n")));
        }

        return services.All(s => s.Health == HealthCheck.Healthy) && servers.All(s => s.Health == HealthCheck.Healthy) ? 0 : ShopCommandLine.Failed;
    }

    /// <summary>Those of the state; where there is none yet (or another program keeps it), those at their preferred addresses.</summary>
    private static IEnumerable<ServiceState> Services(ShopState state) => state.Services.Count > 0
        ? state.Services.OrderBy(s => s_order.IndexOf(s.Name))
        : ShopServices.Names.Select(HealthCheck.AtPreferredAddress);

    private static void Table(ServiceHealth[] services, ServerHealth[] servers, Answer<ServiceOverview>[] messages)
    {
        var now = TimeProvider.System.GetUtcNow();
        List<string[]> rows = [["NAME", "HEALTH", "PID", "WHERE", "OUTBOX", "PARKED", "DEAD", "OLDEST"]];
        rows.AddRange(services.Select(s => (string[])
        [
            s.Name, s.Health, s.Pid?.ToString() ?? "-", s.Url, .. Cells(s.Name, messages.FirstOrDefault(m => m.Service == s.Name)?.Value, now),
        ]));
        rows.AddRange(servers.Select(s => (string[])[s.Name, s.Health, s.Pid?.ToString() ?? "-", $"{s.Host}:{s.Port}", "", "", "", ""]));
        Columns.Write(rows);
        var actions = Troubles.Of(messages, now).Select(trouble => trouble.ToString()).ToList();
        if (services.Any(s => s.Health != HealthCheck.Healthy) || servers.Any(s => s.Health != HealthCheck.Healthy))
        {
            actions.Insert(0, services.All(s => s.Pid is null && s.Health != HealthCheck.Healthy)
                ? "the shop does not run: ./shop up -d"
                : "not all is healthy: ./shop logs <name>");
        }

        Console.Write(actions.Count == 0 ? "" : $"\n{string.Concat(actions.Select(action => $"{action}\n"))}");
    }

    private static string[] Cells(string service, ServiceOverview? overview, DateTimeOffset now) => !ShopServices.Names.Contains(service) ? ["", "", "", ""]
        : overview?.Outbox is { } outbox
            ? [$"{outbox.Waiting}", $"{outbox.Parked}", $"{overview.DeadLetters?.ToString() ?? "?"}", overview.Oldest is { } oldest ? Words.Age(now - oldest) : ""]
            : ["?", "?", "?", ""];
}
