using System.Diagnostics;
using Shop.Benchmarks.Reports;
using Shop.Benchmarks.Servers;
using Spectre.Console;

namespace Shop.Benchmarks;

internal static class Run
{
    public static async Task AllAsync(
        IReadOnlyList<Scenario> scenarios, IEnumerable<string> libraries, bool quick, int events, Action<Measurements> save, CancellationToken ct)
    {
        var ahead = Ahead.Check(libraries, services: scenarios.Any(scenario => scenario.OwnServers));
        AnsiConsole.MarkupLine("[grey]Starting PostgreSQL and RabbitMQ for the benchmark[/]");
        var servers = await BenchServers.StartAsync(ct);
        try
        {
            var machine = await Machine.ReadAsync() with { CompiledAhead = ahead };
            List<DatedResult> results = [];
            foreach (var scenario in scenarios.OrderBy(scenario => scenario.OwnServers))
            {
                if (scenario.OwnServers)
                {
                    await servers.DisposeAsync(); // two of each would be in each other's way
                }

                results.Add(await OneAsync(scenario, new BenchContext(servers.Cpu, quick, events, ct)));

                // After each, so that an interrupted run keeps its results.
                save(new Measurements(machine, results));
            }
        }
        finally
        {
            await servers.DisposeAsync();
        }
    }

    private static async Task<DatedResult> OneAsync(Scenario scenario, BenchContext bench)
    {
        AnsiConsole.MarkupLineInterpolated($"[bold]{scenario.Name}[/]: {scenario.Title}");
        var begun = Stopwatch.GetTimestamp();
        var result = await scenario.RunAsync(bench) with { Quick = bench.Quick };
        AnsiConsole.MarkupLineInterpolated($"[grey]  took {Stopwatch.GetElapsedTime(begun).TotalSeconds:0} s[/]");
        ScreenReport.Write(result);
        return new DatedResult(TimeProvider.System.GetUtcNow(), result);
    }
}
