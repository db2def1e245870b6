using System.CommandLine;

namespace Shop.Cli.Setup;

/// <summary>Measures messaging: tools/Benchmarks does it.</summary>
internal static class BenchCommand
{
    // In the order in which they run.
    private static readonly string[] s_scenarios = ["write", "relay", "tailing", "inbox", "latency", "backlog", "flow", "saturation", "instances", "parts", "start", "millions"];
    private static readonly string[] s_peerScenarios = ["write", "sent", "backlog", "inbox", "latency", "rest"];

    public static Command Create()
    {
        var scenarios = new Argument<string[]>("scenario")
        {
            Arity = ArgumentArity.ZeroOrMore,
            Description = $"{string.Join(", ", s_scenarios)}; all if none is named, but millions, instances, parts and start not with --quick. "
                + $"With --peers: {string.Join(", ", s_peerScenarios)}",
        };
        var peers = new Option<bool>("--peers") { Description = "Shop's messaging beside Wolverine and CAP, in turns; restores their packages (docs/peers.md)" };
        var quick = new Option<bool>("--quick") { Description = "fewer and shorter rounds: less than 8 minutes on two cores" };
        var events = new Option<int>("--events") { Description = "how many events pass in the scenario millions", DefaultValueFactory = _ => 10_000_000 };
        var json = new Option<FileInfo?>("--json") { Description = "also writes the results there; those of scenarios that this run does not measure stay" };
        var chart = new Option<FileInfo?>("--chart") { Description = "also draws them, as an SVG" };
        var table = new Option<FileInfo?>("--table") { Description = "with --peers: also writes them as tables into a Markdown file" };
        var draw = new Option<bool>("--draw") { Description = "measures nothing; draws, or writes as tables, what the JSON file has" };
        var command = new Command("bench", About.Text("measure what messaging costs and carries", """
            Measures against what the servers can do at most, and against a naive outbox and inbox, on a PostgreSQL (with fsync) and a RabbitMQ
            of its own. The compared variants alternate. Shows the median over the rounds and the spread, and processor time per event by
            process, because rates on a shared machine vary. Exits with 1 if something was lost, not because a target was missed.
            """))
        {
            scenarios, peers, quick, events, json, chart, table, draw,
        };
        command.Validators.Add(result =>
        {
            var known = result.GetValue(peers) ? s_peerScenarios : s_scenarios;
            if (result.GetResult(scenarios)?.Tokens.FirstOrDefault(token => !known.Contains(token.Value)) is { } unknown)
            {
                var similar = Similar.To(unknown.Value, known);
                result.AddError($"There is no scenario '{unknown.Value}'{(result.GetValue(peers) ? " with --peers" : "")}."
                    + (similar is null ? "" : $" Did you mean '{similar}'?"));
            }
        });
        command.SetAction((parsed, ct) =>
        {
            List<string> words = [.. parsed.GetValue(scenarios) ?? []];
            words.AddRange(parsed.GetValue(quick) ? ["--quick"] : []);
            words.AddRange(parsed.GetValue(draw) ? ["--draw"] : []);
            words.AddRange(parsed.GetValue(json) is { } results ? ["--json", results.FullName] : []);
            words.AddRange(parsed.GetValue(chart) is { } picture ? ["--chart", picture.FullName] : []);
            words.AddRange(parsed.GetValue(table) is { } tables ? ["--table", tables.FullName] : []);
            return RunAsync(parsed.GetValue(peers) ? "Peers" : "Benchmarks", [.. words, "--events", $"{parsed.GetValue(events)}"], !parsed.GetValue(draw), ct);
        });
        return command;
    }

    private static async Task<int> RunAsync(string program, List<string> words, bool measures, CancellationToken ct)
    {
        if (measures)
        {
            await ServerPackages.EnsureAsync(ct); // it starts them itself
        }

        var log = ShopHome.Path("logs", "bench-build.log");
        try
        {
            await Build.RunAsync("Building", "the benchmarks", log, compileAhead: measures, ct, $"tools/{program}/{program}.csproj");
        }
        catch (FailureException) when (NotRestored(log) is { } why)
        {
            throw new FailureException(
                $"A package was not restored: {why} ./shop bench without --peers needs no package of a peer. All of the output: {log}");
        }

        return await Child.ShowAsync(Child.Dotnet, [Path.Combine(ShopHome.Repository, "tools", program, $"bin/Release/net10.0/{program}.dll"), .. words]);
    }

    /// <summary>What NuGet says, if that is why the build failed.</summary>
    private static string? NotRestored(string log)
    {
        const string Code = "error NU";
        return File.ReadLines(log).FirstOrDefault(line => line.Contains(Code, StringComparison.Ordinal)) is { } line
            ? line[(line.IndexOf(Code, StringComparison.Ordinal) + "error ".Length)..].Trim()
            : null;
    }
}
