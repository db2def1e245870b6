using System.CommandLine;

namespace Shop.Cli.Setup;

/// <summary>Measures messaging: tools/Benchmarks does it.</summary>
internal static class BenchCommand
{
    // In the order in which they run.
    private static readonly string[] s_scenarios = ["write", "relay", "tailing", "inbox", "latency", "backlog", "flow", "millions"];

    public static Command Create()
    {
        var scenarios = new Argument<string[]>("scenario")
        {
            Arity = ArgumentArity.ZeroOrMore,
            Description = $"{string.Join(", ", s_scenarios)}; all if none is named, but millions not with --quick",
        };
        scenarios.Validators.Add(result =>
        {
            if (result.Tokens.FirstOrDefault(token => !s_scenarios.Contains(token.Value)) is { } unknown)
            {
                var similar = Similar.To(unknown.Value, s_scenarios);
                result.AddError($"There is no scenario '{unknown.Value}'." + (similar is null ? "" : $" Did you mean '{similar}'?"));
            }
        });
        var quick = new Option<bool>("--quick") { Description = "fewer and shorter rounds: less than 8 minutes on two cores" };
        var events = new Option<int>("--events") { Description = "how many events pass in the scenario millions", DefaultValueFactory = _ => 10_000_000 };
        var json = new Option<FileInfo?>("--json") { Description = "also writes the results there; those of scenarios that this run does not measure stay" };
        var chart = new Option<FileInfo?>("--chart") { Description = "also draws them, as an SVG" };
        var draw = new Option<bool>("--draw") { Description = "measures nothing; draws what the JSON file has" };
        var command = new Command("bench", About.Text("measure what messaging costs and carries", """
            Measures against what the servers can do at most, and against a naive outbox and inbox, on a PostgreSQL (with fsync) and a RabbitMQ
            of its own. The compared variants alternate. Shows the median over the rounds and the spread, and processor time per event by
            process, because rates on a shared machine vary. Exits with 1 if something was lost, not because a target was missed.
            """))
        {
            scenarios, quick, events, json, chart, draw,
        };
        command.SetAction((parsed, ct) =>
        {
            List<string> words = [.. parsed.GetValue(scenarios) ?? [], "--events", $"{parsed.GetValue(events)}"];
            words.AddRange(parsed.GetValue(quick) ? ["--quick"] : []);
            words.AddRange(parsed.GetValue(draw) ? ["--draw"] : []);
            words.AddRange(parsed.GetValue(json) is { } results ? ["--json", results.FullName] : []);
            words.AddRange(parsed.GetValue(chart) is { } picture ? ["--chart", picture.FullName] : []);
            return RunAsync(words, measures: !parsed.GetValue(draw), ct);
        });
        return command;
    }

    private static async Task<int> RunAsync(List<string> words, bool measures, CancellationToken ct)
    {
        if (measures)
        {
            await ServerPackages.EnsureAsync(ct); // it starts them itself
        }

        await Build.RunAsync("Building", "the benchmarks", ShopHome.Path("logs", "bench-build.log"), compileAhead: measures, ct,
            "tools/Benchmarks/Benchmarks.csproj");
        var program = Path.Combine(ShopHome.Repository, "tools/Benchmarks/bin/Release/net10.0/Benchmarks.dll");
        return await Child.ShowAsync(Child.Dotnet, [program, .. words]);
    }
}
