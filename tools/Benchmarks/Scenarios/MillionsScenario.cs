using System.Globalization;
using Shop.Benchmarks.Model;
using Shop.Messaging;
using Shop.Messaging.Relay;

namespace Shop.Benchmarks.Scenarios;

/// <summary>
/// Whether the outbox ages: 10,000,000 events pass through it, as fast as the relay publishes, and then its rate and its latency are
/// compared with those of a new database, in turns, because the machine may not be the same an hour later.
/// </summary>
internal static class MillionsScenario
{
    private const int Tenths = 10;
    private const int Drained = 50_000;

    public static Scenario Scenario { get; } = new("millions", "An outbox that 10,000,000 events went through, against a new one", RunAsync, InQuick: false);

    private static async Task<ScenarioResult> RunAsync(BenchContext bench)
    {
        await using var old = await Stage.CreateAsync();
        var sample = await old.SampleAsync(await old.ProducerAsync(relay: false));
        await old.BindSinkAsync();
        using var published = EventCounter.Published();
        var (passing, sizes) = await PassAsync(bench, old, sample, published);

        await using var young = await Stage.CreateAsync();
        await young.ProducerAsync(relay: false);
        await young.BindSinkAsync();
        var drains = await DrainAsync(bench, young, old, sample, published);
        var latencies = await LatencyAsync(bench, young, old);
        return new ScenarioResult(
            Scenario.Name, string.Create(CultureInfo.InvariantCulture, $"An outbox that {bench.Events:N0} events went through, against a new one"), "event",
            [.. passing, .. drains.Select(ResultRow.Of), .. latencies],
        [
            new Finding("events/s of the old one against the new one", drains[1].Against(drains[0], round => round.Rate), "0%", 0.9),
            new Finding("CPU per event of the old one against the new one", drains[1].Against(drains[0], round => round.Micros(cpu => cpu.Ours)), "0.00x", 1.1, AtMost: true),
            new Finding("p50 at 200/s, old against new", LatencyScenario.Ratio(latencies[1].Latency!.P50, latencies[0].Latency!.P50), "0.00x", 1.1, AtMost: true),
            new Finding("p99 at 200/s, old against new", LatencyScenario.Ratio(latencies[1].Latency!.P99, latencies[0].Latency!.P99), "0.00x"),
            new Finding("MiB of the table at the end (least and most after each tenth)", SizeOf(sizes, size => size.Table), "0.0"),
            new Finding("MiB of its indexes at the end (least and most after each tenth)", SizeOf(sizes, size => size.Indexes), "0.0"),
        ]);
    }

    /// <summary>Events come as fast as they leave; a few thousand wait. The first and the last tenth are measured separately.</summary>
    private static async Task<(ResultRow[] Passing, IReadOnlyList<Size> Sizes)> PassAsync(
        BenchContext bench, Stage stage, OutboxRow sample, EventCounter published)
    {
        await using var relays = await Relays.StartAsync(stage, sample, 1, published, bench.Stopping);
        var tenth = bench.Events / Tenths;
        List<Round> rounds = [];
        List<Size> sizes = [];
        for (var number = 1; number <= Tenths; number++)
        {
            var watch = new Stopwatched(bench.Cpu);
            await relays.PassAsync(tenth, watch, bench.Stopping);
            rounds.Add(watch.Round!);
            sizes.Add(await SizeAsync(stage));
            BenchContext.Write($"{(long)number * tenth:N0} events have passed, the last {tenth:N0} at {watch.Round!.Rate:N0}/s with "
                + $"{watch.Round.Micros(cpu => cpu.Ours):N0} us of CPU each (others used {watch.Round.Cpu.Others / watch.Round.Seconds:0.0} cores); "
                + $"the table has {sizes[^1].Table:0.0} MiB, its indexes {sizes[^1].Indexes:0.0}");
        }

        ResultRow Of(string name, Round round) => ResultRow.Of(new Series(name, bench.Cpu.Names, [round]));
        return ([Of("stored and sent, first tenth", rounds[0]), Of("stored and sent, last tenth", rounds[^1])], sizes);
    }

    private static Task<IReadOnlyList<Series>> DrainAsync(BenchContext bench, Stage young, Stage old, OutboxRow sample, EventCounter published)
    {
        Contender Of(string name, Stage stage) => new(name, async (watch, ct) =>
        {
            await using var relays = await Relays.StartAsync(stage, sample, 1, published, ct);
            await relays.DrainAsync(Drained, Drained, 1, watch, ct);
        });
        return Alternating.RunAsync(bench, bench.Pick(3, 7), Of("draining, new", young), Of("draining, old", old));
    }

    private static async Task<ResultRow[]> LatencyAsync(BenchContext bench, Stage young, Stage old)
    {
        (Stage Stage, string Name, List<TimedRound> Rounds)[] compared = [(young, "200/s, new", []), (old, "200/s, old", [])];
        await using var theirs = await TestServers.CreateDatabaseAsync("bench");
        foreach (var (stage, _, _) in compared)
        {
            stage.Gate.Open();
            await stage.ConsumerAsync(theirs, bus => bus.AddConsumer<BenchConsumer>(), migrateDatabase: stage == young);
        }

        for (var number = 1; number <= bench.Pick(2, 6); number++)
        {
            foreach (var (stage, name, rounds) in number % 2 == 0 ? compared : compared.Reverse())
            {
                var service = await stage.ProducerAsync(relay: true, migrate: false);
                await LatencyScenario.OneRoundAsync(bench, $"warm-up  {name}", service, 200, TimeSpan.FromSeconds(2));
                rounds.Add(await LatencyScenario.OneRoundAsync(bench, $"round {number}  {name}", service, 200, TimeSpan.FromSeconds(bench.Pick(6, 20))));
                await service.StopAsync();
                await stage.Broker.PurgeAsync(Stage.Sink);
            }
        }

        return [.. compared.Select(one => LatencyScenario.RowOf(bench, one.Name, one.Rounds))];
    }

    private static async Task<Size> SizeAsync(Stage stage) => new(
        await stage.Database.ScalarAsync<long>("SELECT pg_table_size('outbox')") / 1048576.0,
        await stage.Database.ScalarAsync<long>("SELECT pg_indexes_size('outbox')") / 1048576.0);

    private static Spread SizeOf(IReadOnlyList<Size> sizes, Func<Size, double> of) => new(of(sizes[^1]), sizes.Min(of), sizes.Max(of));

    private readonly record struct Size(double Table, double Indexes);
}
