using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Shop.Benchmarks.Model;
using Shop.Benchmarks.Naive;
using Shop.Contracts.Ordering.V1;
using Shop.Messaging;
using Shop.Messaging.Relay;

namespace Shop.Benchmarks.Scenarios;

/// <summary>How fast events are consumed, each with one row of effect: from a full queue, with the bus running.</summary>
internal static class InboxScenario
{
    public static Scenario Scenario { get; } = new("inbox", "Consuming from a quorum queue, one row of effect each", RunAsync);

    private static async Task<ScenarioResult> RunAsync(BenchContext bench)
    {
        await using var stage = await Stage.CreateAsync();
        var sample = await stage.SampleAsync(await stage.ProducerAsync(relay: false));
        var consumer = await stage.ConsumerAsync(stage.Database,
            bus => bus.AddConsumer<BenchConsumer>().AddBatchConsumer<BenchBatchConsumer, OrderPlaced>(), migrateDatabase: false);
        var prefetch = consumer.Services.GetRequiredService<MessagingSettings>().Prefetch;
        var naive = stage.Own(await NaiveService.StartAsync(stage.Database.ConnectionString, stage.Broker, stage.Gate, prefetch));
        await using var publisher = await RawPublisher.ConnectAsync(stage.Broker.AmqpUri);
        using var consumed = EventCounter.Consumed();
        var seconds = TimeSpan.FromSeconds(bench.Pick(2, 4));
        var (count, fewer) = (bench.Pick(4_000, 10_000), bench.Pick(800, 3_000));

        async Task ConsumeAsync(string queue, int events, Stopwatched watch, CancellationToken ct)
        {
            await FillAsync(stage, publisher, sample, queue, events, ct);
            consumed.Reset();
            watch.Start();
            stage.Gate.Open();
            await consumed.ReachesAsync(events, ct);
            watch.Stop(events);
            await CheckAsync(stage, events);
        }

        var series = await Alternating.RunAsync(bench, bench.Pick(5, 9),
            new Contender("raw two-row commits", (watch, ct) => CommitAsync(stage, seconds, prefetch, watch, ct)),
            new Contender("inbox, one by one", (watch, ct) => ConsumeAsync(BenchConsumer.Queue, count, watch, ct)),
            new Contender("inbox, in batches", (watch, ct) => ConsumeAsync(BenchBatchConsumer.Queue, 4 * count, watch, ct)),
            new Contender("naive inbox", async (watch, ct) =>
            {
                naive.Progress.Expect(fewer);
                await FillAsync(stage, publisher, sample, NaiveConsumer.Queue, fewer, ct);
                watch.Start();
                stage.Gate.Open();
                await naive.Progress.DoneAsync(ct);
                watch.Stop(fewer);
                await CheckAsync(stage, fewer);
            }));

        return new ScenarioResult(Scenario.Name, Scenario.Title, "event", [.. series.Select(ResultRow.Of)],
        [
            new Finding("one by one against the naive inbox, events/s", series[1].Against(series[3], round => round.Rate), "0.0x", 6),
            new Finding("in batches against the naive inbox, events/s", series[2].Against(series[3], round => round.Rate), "0.0x", 20),
            new Finding("one by one against raw two-row commits, events/s", series[1].Against(series[0], round => round.Rate), "0%"),
            new Finding("in batches against raw two-row commits, events/s", series[2].Against(series[0], round => round.Rate), "0%"),
            new Finding("CPU per event, naive inbox against one by one", series[3].Against(series[1], round => round.Micros(cpu => cpu.Ours)), "0.0x"),
        ]);
    }

    /// <summary>Prefetched messages wait at the consumer, the others in the queue.</summary>
    private static async Task FillAsync(Stage stage, RawPublisher publisher, OutboxRow sample, string queue, int count, CancellationToken ct)
    {
        stage.Gate.Close();
        await publisher.PublishAsync(sample, count, ct, queue);
        await Eventually.HoldsAsync("the consumer has received its first messages",
            async () => await stage.Broker.CountReadyAsync(queue) < count);
    }

    private static async Task CheckAsync(Stage stage, int expected)
    {
        var effects = await stage.Database.ScalarAsync<long>("SELECT count(*) FROM effects");
        if (effects != expected)
        {
            throw new InvalidOperationException($"{expected} events were consumed and had {effects} effects.");
        }

        await stage.Database.ExecuteAsync("TRUNCATE effects, inbox");
    }

    /// <summary>What the database can commit at most: both rows in one round trip, on as many connections as the consumer has concurrent deliveries.</summary>
    private static async Task CommitAsync(Stage stage, TimeSpan time, int connections, Stopwatched watch, CancellationToken ct)
    {
        await using var source = new NpgsqlDataSourceBuilder(stage.Database.ConnectionString)
        {
            ConnectionStringBuilder = { MaxAutoPrepare = 10, MaxPoolSize = connections, MinPoolSize = connections },
        }.Build();
        watch.Start();
        var count = await Alternating.ForAsync(time, connections, async (_, token) =>
        {
            var id = Guid.CreateVersion7();
            await using var batch = source.CreateBatch();
            batch.BatchCommands.Add(new NpgsqlBatchCommand("INSERT INTO inbox (event_id, consumer, processed_at) VALUES ($1, $2, now())")
            {
                Parameters = { new() { Value = id }, new() { Value = BenchConsumer.Queue } },
            });
            batch.BatchCommands.Add(new NpgsqlBatchCommand("INSERT INTO effects (event_id, what) VALUES ($1, $2)")
            {
                Parameters = { new() { Value = id }, new() { Value = "alice" } },
            });
            await batch.ExecuteNonQueryAsync(token);
        }, ct);
        watch.Stop(count);
        await CheckAsync(stage, count);
    }
}
