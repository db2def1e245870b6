using Shop.Benchmarks.Model;
using Shop.ServiceDefaults.Messaging.Outbox;

namespace Shop.Benchmarks.Scenarios;

/// <summary>Whether the outbox ages: rate and latency before and after 10,000,000 events went through it, and its size then.</summary>
internal static class MillionsScenario
{
    private const int Batch = 500_000;
    private const int Batches = 20;

    public static Scenario Scenario { get; } = new("millions", "Before and after 10,000,000 events", RunAsync, InQuick: false);

    private static async Task<ScenarioResult> RunAsync(BenchContext bench)
    {
        await using var stage = await Stage.CreateAsync();
        await using var theirs = await TestServers.CreateDatabaseAsync("bench");
        var producer = await stage.ProducerAsync(relay: false);
        var sample = await stage.SampleAsync(producer);
        await stage.BindSinkAsync();
        stage.Gate.Open();
        using var published = EventCounter.Published();
        var before = await StateAsync(bench, stage, theirs, sample, published, "before");
        for (var number = 1; number <= Batches; number++)
        {
            await using var relays = await Relays.StartAsync(stage, sample, 1, published, bench.Stopping);
            var watch = new Stopwatched(bench.Cpu);
            await relays.DrainAsync(Batch, Batch, 1, watch, bench.Stopping);
            BenchContext.Say($"{(long)number * Batch:N0} events have passed, the last at {watch.Round!.Rate:N0}/s");
        }

        var size = await stage.Database.ScalarAsync<long>("SELECT pg_table_size('outbox')");
        var index = await stage.Database.ScalarAsync<long>("SELECT pg_indexes_size('outbox')");
        var dead = await stage.Database.ScalarAsync<long>("SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'outbox'");
        var after = await StateAsync(bench, stage, theirs, sample, published, "after 10,000,000");
        return new ScenarioResult(Scenario.Name, Scenario.Title, "event", [.. before, .. after],
        [
            new Finding("events/s after against before", Ratio(after[0].Rate!.Value, before[0].Rate!.Value), "0%", 0.9),
            new Finding("p99 at 200/s after against before", Ratio(after[1].Latency!.P99, before[1].Latency!.P99), "0.00x"),
            new Finding("MiB of the outbox table at the end", One(size / 1048576.0), "0.0"),
            new Finding("MiB of its index", One(index / 1048576.0), "0.0"),
            new Finding("dead rows in it", One(dead), "N0"),
        ]);
    }

    private static async Task<ResultRow[]> StateAsync(
        BenchContext bench, Stage stage, TestDatabase theirs, OutboxRow sample, EventCounter published, string when)
    {
        var drains = await Alternating.RunAsync(bench, 5, new Contender($"drain {when}", async (watch, ct) =>
        {
            await using var relays = await Relays.StartAsync(stage, sample, 1, published, ct);
            await relays.DrainAsync(50_000, 50_000, 1, watch, ct);
        }));
        var isFirst = await theirs.ScalarAsync<long>("SELECT count(*) FROM pg_tables WHERE tablename = 'inbox'") == 0;
        await using var consumer = await stage.ConsumerAsync(theirs, bus => bus.AddConsumer<BenchConsumer>(), migrateDatabase: isFirst);
        await using var relaying = await stage.ProducerAsync(relay: true, migrate: false);
        var latency = await LatencyScenario.OneRateAsync(bench, $"200/s {when}", relaying, 200, TimeSpan.FromSeconds(20), 3);
        await relaying.StopAsync();
        await consumer.StopAsync();
        await stage.Broker.DeleteQueueAsync(BenchConsumer.Queue);
        return [ResultRow.Of(drains[0]), latency];
    }

    private static Spread One(double value) => new(value, value, value);

    private static Spread Ratio(Spread ours, Spread theirs) =>
        new(ours.Median / theirs.Median, ours.Least / theirs.Most, ours.Most / theirs.Least);
}
