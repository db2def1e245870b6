using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Shop.Benchmarks.Model;
using Shop.Benchmarks.Naive;
using Shop.Messaging;

namespace Shop.Benchmarks.Scenarios;

/// <summary>
/// The latency from the commit of an event's cause to the commit of its effect in another service's database. Orders come at
/// their times, whatever became of the earlier ones, so that a queue shows.
/// </summary>
internal static class LatencyScenario
{
    private static readonly TimeSpan s_naivePoll = TimeSpan.FromMilliseconds(100);

    public static Scenario Scenario { get; } = new("latency", "From the commit of the cause to the commit of the effect", RunAsync);

    private static async Task<ScenarioResult> RunAsync(BenchContext bench)
    {
        await using var stage = await Stage.CreateAsync();
        await using var theirs = await TestServers.CreateDatabaseAsync("bench");
        var producer = await stage.ProducerAsync(relay: false);
        stage.Gate.Open();
        var rounds = bench.Pick(2, 3);
        List<ResultRow> rows = [];
        await using (var consumer = await stage.ConsumerAsync(theirs, Consumers, migrateDatabase: true))
        await using (var relaying = await stage.ProducerAsync(relay: true, migrate: false))
        {
            await WarmUpAsync(bench, relaying);
            rows.Add(await OneRateAsync(bench, "20/s", relaying, 20, TimeSpan.FromSeconds(bench.Pick(10, 60)), rounds));
            rows.Add(await OneRateAsync(bench, "200/s", relaying, 200, TimeSpan.FromSeconds(bench.Pick(6, 60)), rounds));
            rows.Add(await OneRateAsync(bench, "1,000/s", relaying, 1_000, TimeSpan.FromSeconds(bench.Pick(5, 30)), rounds));
            await relaying.StopAsync();
            await consumer.StopAsync();
        }

        rows.Add(await NaiveAsync(bench, stage, producer, theirs, rounds));
        var (ours, naive) = (rows[0].Latency!, rows[^1].Latency!);
        return new ScenarioResult(Scenario.Name, Scenario.Title, "event", rows,
        [
            new Finding("p50 at 20/s against the naive outbox and inbox", Ratio(ours.P50, naive.P50), "0.000x", 0.1, AtMost: true),
            new Finding("p99 at 20/s against the naive outbox and inbox", Ratio(ours.P99, naive.P99), "0.000x", 0.1, AtMost: true),
        ]);
    }

    private static void Consumers(MessagingBuilder bus) => bus.AddConsumer<BenchConsumer>();

    public static Spread Ratio(Spread ours, Spread theirs) =>
        new(ours.Median / theirs.Median, ours.Least / theirs.Most, ours.Most / theirs.Least);

    /// <summary>The naive pair at 20/s. Its relay looks every 100 ms when it has found nothing.</summary>
    private static async Task<ResultRow> NaiveAsync(
        BenchContext bench, Stage stage, ServiceUnderTest<BenchDbContext> producer, TestDatabase theirs, int rounds)
    {
        await stage.Broker.DeleteQueueAsync(BenchConsumer.Queue);
        var settings = producer.Services.GetRequiredService<MessagingSettings>();
        await using var consumer = await NaiveService.StartAsync(theirs.ConnectionString, stage.Broker, stage.Gate, settings.Prefetch);
        await stage.Broker.BindAsync(Stage.Exchange, NaiveConsumer.Queue);
        await using var relay = new NaiveRelay(
            new DbContextOptionsBuilder<NaiveDbContext>().UseNpgsql(stage.Database.ConnectionString).Options, stage.Broker.AmqpUri);
        await relay.ConnectAsync(bench.Stopping);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(bench.Stopping);
        var relaying = relay.PollAsync(s_naivePoll, end.Token);
        await WarmUpAsync(bench, producer);
        var row = await OneRateAsync(bench, "naive, 20/s", producer, 20, TimeSpan.FromSeconds(bench.Pick(10, 60)), rounds);
        await end.CancelAsync();
        await relaying.ContinueWith(_ => { }, TaskScheduler.Default);
        return row;
    }

    /// <summary>Enough events for the code to have been compiled again by the time that it is measured: that competes with it for two cores.</summary>
    private static async Task WarmUpAsync(BenchContext bench, ServiceUnderTest<BenchDbContext> producer) =>
        await OneRateAsync(bench, "warm-up", producer, 100, TimeSpan.FromSeconds(10), 1);

    public static async Task<ResultRow> OneRateAsync(
        BenchContext bench, string name, ServiceUnderTest<BenchDbContext> producerOf, int rate, TimeSpan time, int rounds)
    {
        List<TimedRound> measured = [];
        for (var number = 1; number <= rounds; number++)
        {
            measured.Add(await OneRoundAsync(bench, $"round {number}/{rounds}  {name}", producerOf, rate, time));
        }

        return RowOf(bench, name, measured);
    }

    public static async Task<TimedRound> OneRoundAsync(
        BenchContext bench, string name, ServiceUnderTest<BenchDbContext> producer, int rate, TimeSpan time)
    {
        var watch = new Stopwatched(bench.Cpu);
        CommitClock.Restart();
        watch.Start();
        var count = await PlaceAsync(producer, rate, time, bench.Stopping);
        await Eventually.HoldsAsync("every event has had its effect", () => CommitClock.Count >= count);
        watch.Stop(count);
        var round = new TimedRound(watch.Round!, CommitClock.Milliseconds());
        var found = Percentiles.Of([round.Milliseconds]);
        BenchContext.Write($"{name}: {found.P50.Median:0.0} ms at p50, {found.P99.Median:0.0} ms at p99, {count:N0} events");
        return round;
    }

    public static ResultRow RowOf(BenchContext bench, string name, IReadOnlyList<TimedRound> rounds) =>
        ResultRow.Of(new Series(name, bench.Cpu.Names, [.. rounds.Select(round => round.Round)])) with
        {
            Latency = Percentiles.Of(rounds.Select(round => round.Milliseconds)),
        };

    private static Task<int> PlaceAsync(ServiceUnderTest<BenchDbContext> service, int rate, TimeSpan time, CancellationToken ct) =>
        Pace.KeepAsync(rate, time, () => service.WorkAsync(async db =>
        {
            var order = BenchOrder.Place("alice", silent: false, TimeProvider.System.GetUtcNow());
            db.Orders.Add(order);
            await db.SaveChangesAsync(ct);
            CommitClock.Sent(order.EventId, Stopwatch.GetTimestamp());
        }), ct);
}

/// <summary>A round with each event's milliseconds.</summary>
internal sealed record TimedRound(Round Round, double[] Milliseconds);
