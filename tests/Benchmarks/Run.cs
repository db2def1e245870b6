using System.Diagnostics;
using Shop.Benchmarks.Reports;
using Shop.Benchmarks.Servers;
using Spectre.Console;

namespace Shop.Benchmarks;

internal static class Run
{
    public static async Task AllAsync(IReadOnlyList<Scenario> scenarios, bool quick, string? json, string? chart, CancellationToken ct)
    {
        AnsiConsole.MarkupLine("[grey]Starting PostgreSQL and RabbitMQ for the benchmark[/]");
        await using var servers = await BenchServers.StartAsync(ct);
        var machine = await Machine.ReadAsync();
        List<DatedResult> results = [];
        foreach (var scenario in scenarios)
        {
            AnsiConsole.MarkupLineInterpolated($"[bold]{scenario.Name}[/]: {scenario.Title}");
            var begun = Stopwatch.GetTimestamp();
            var result = await scenario.RunAsync(new BenchContext(servers.Cpu, quick, ct)) with { Quick = quick };
            results.Add(new DatedResult(TimeProvider.System.GetUtcNow(), result));
            AnsiConsole.MarkupLineInterpolated($"[grey]  took {Stopwatch.GetElapsedTime(begun).TotalSeconds:0} s[/]");
            ScreenReport.Write(result);

            // After each, so that a long run that is stopped leaves what it has found.
            Save(new Measurements(machine, results), json, chart);
        }
    }

    private static void Save(Measurements found, string? json, string? chart)
    {
        if (json is not null)
        {
            found = JsonReport.Merge(JsonReport.Read(json), found);
            JsonReport.Write(json, found);
        }

        if (chart is not null)
        {
            ChartReport.Write(chart, found);
        }
    }
}
