using Shop.Benchmarks;
using Shop.Benchmarks.Model;
using Shop.Benchmarks.Scenarios;
using Shop.Peers.Model;

namespace Shop.Peers.Scenarios;

/// <summary>From the commit of an event's cause to the commit of its effect in the consumer's database, round by round in turns.</summary>
internal static class LatencyScenario
{
    public static Scenario Scenario { get; } = new("latency", "From the commit of the cause to the commit of the effect", RunAsync);

    private static async Task<ScenarioResult> RunAsync(BenchContext bench)
    {
        await using var field = new Field(
            [await ShopContestant.CreateAsync(), await WolverineContestant.CreateAsync(), await CapContestant.CreateAsync()]);
        foreach (var contestant in field.All)
        {
            await contestant.StartConsumerAsync(ConsumerKind.OneByOne);
            await contestant.StartProducerAsync(sends: true);
        }

        var rounds = bench.Pick(2, 5);
        (string Name, int Rate, TimeSpan Time, int Rounds)[] steps =
        [
            ("warm-up", 100, TimeSpan.FromSeconds(10), 1),
            ("20/s", 20, TimeSpan.FromSeconds(bench.Pick(8, 20)), rounds),
            ("200/s", 200, TimeSpan.FromSeconds(bench.Pick(5, 10)), rounds),
        ];
        List<ResultRow> rows = [];
        foreach (var (name, rate, time, times) in steps)
        {
            var measured = await StepAsync(bench, field.All, name, rate, time, times);
            rows.AddRange(name == "warm-up" ? [] : field.All.Select((contestant, index) => RowOf(bench, $"{contestant.Name}, {name}", measured[index])));
        }

        return new ScenarioResult(Scenario.Name, Scenario.Title, "event", rows,
        [
            new Finding("MassTransit EF 8.5 at 20/s, not rerun, p50 ms", Field.Exactly(19)!.Value, "0"),
            new Finding("MassTransit EF 8.5 at 20/s, not rerun, p99 ms", Field.Exactly(109)!.Value, "0"),
        ]);
    }

    private static async Task<List<List<TimedRound>>> StepAsync(
        BenchContext bench, IReadOnlyList<Contestant> all, string name, int rate, TimeSpan time, int rounds)
    {
        List<List<TimedRound>> measured = [.. all.Select(_ => new List<TimedRound>())];
        for (var number = 0; number < rounds; number++)
        {
            foreach (var index in number % 2 == 0 ? Enumerable.Range(0, all.Count) : Enumerable.Range(0, all.Count).Reverse())
            {
                measured[index].Add(await RoundAsync(bench, all[index], $"round {number + 1}/{rounds}  {all[index].Name}, {name}", rate, time));
            }
        }

        return measured;
    }

    private static async Task<TimedRound> RoundAsync(BenchContext bench, Contestant contestant, string name, int rate, TimeSpan time)
    {
        var watch = new Stopwatched(bench.Cpu);
        CommitClock.Restart();
        watch.Start();
        var number = 0;
        var count = await Pace.KeepAsync(rate, time, () => contestant.SaveAsync(number++, silent: false, bench.Stopping), bench.Stopping);
        await Eventually.HoldsAsync($"{contestant.Name}: every event has had its effect", () => CommitClock.Count >= count).WaitAsync(bench.Stopping);
        watch.Stop(count);
        var round = new TimedRound(watch.Round!, CommitClock.Milliseconds());
        var found = Percentiles.Of([round.Milliseconds]);
        BenchContext.Write($"{name}: {found.P50.Median:0.0} ms at p50, {found.P99.Median:0.0} ms at p99, {count:N0} events");
        return round;
    }

    private static ResultRow RowOf(BenchContext bench, string name, IReadOnlyList<TimedRound> rounds) =>
        Benchmarks.Scenarios.LatencyScenario.RowOf(bench, name, rounds);

}
