using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Shop.Benchmarks.Model;
using Shop.Benchmarks.Naive;
using Shop.Messaging.Outbox;
using Shop.Messaging.Relay;

namespace Shop.Benchmarks.Scenarios;

/// <summary>How fast stored events leave: the relay, what the broker can confirm at most, and the naive relay.</summary>
internal static class RelayScenario
{
    public static Scenario Scenario { get; } = new("relay", "Draining the outbox into a quorum queue", RunAsync);

    private static async Task<ScenarioResult> RunAsync(BenchContext bench)
    {
        await using var stage = await Stage.CreateAsync();
        var sample = await stage.SampleAsync(await stage.ProducerAsync(relay: false));
        await stage.BindSinkAsync();
        await using var raw = await RawPublisher.ConnectAsync(stage.Broker.AmqpUri);
        await using var naive = new NaiveRelay(
            new DbContextOptionsBuilder<NaiveDbContext>().UseNpgsql(stage.Database.ConnectionString).Options, stage.Broker.AmqpUri);
        await naive.ConnectAsync(bench.Stopping);
        using var published = EventCounter.Published();
        var count = bench.Pick(20_000, 50_000);
        var time = TimeSpan.FromSeconds(bench.Pick(2, 5));

        var series = await Alternating.RunAsync(bench, bench.Pick(5, 9),
            new Contender("raw confirmed publish", async (watch, ct) =>
            {
                watch.Start();
                await raw.PublishAsync(sample, count, ct);
                watch.Stop(count);
                await EmptySinkAsync(stage, count);
            }),
            new Contender("relay", (watch, ct) => RelayAsync(stage, sample, count, published, watch, ct)),
            new Contender("naive relay", async (watch, ct) =>
            {
                await stage.FillAsync(sample, count, () => { }, ct);
                watch.Start();
                watch.Stop(await naive.DrainAsync(time, ct));
                await stage.Database.ExecuteAsync("TRUNCATE outbox");
                await EmptySinkAsync(stage, watch.Round!.Events);
            }));

        return new ScenarioResult(Scenario.Name, Scenario.Title, "event", [.. series.Select(ResultRow.Of)],
        [
            new Finding("relay against the raw publish, events/s", series[1].Against(series[0], round => round.Rate), "0%", 0.75),
            new Finding("relay against the naive relay, events/s", series[1].Against(series[2], round => round.Rate), "0.0x", 30),
            new Finding("CPU per event, naive relay against the relay", series[2].Against(series[1], round => round.Micros(cpu => cpu.Ours)), "0.0x"),
        ]);
    }

    /// <summary>The relay starts for the round, so that it does not look into the outbox while others are measured.</summary>
    public static async Task RelayAsync(
        Stage stage, OutboxRow sample, int count, EventCounter published, Stopwatched watch, CancellationToken ct)
    {
        var service = await stage.ProducerAsync(relay: true, migrate: false);
        await stage.FillAsync(sample, 1, () => { }, ct); // it is connected when this one has left
        await published.ReachesAsync(1, ct);
        published.Reset();

        await stage.FillAsync(sample, count, watch.Start, ct);
        service.Services.GetRequiredService<OutboxSignal>().Set();
        await published.ReachesAsync(count, ct);
        watch.Stop(count);

        published.Reset();
        await service.StopAsync();
        await EmptySinkAsync(stage, count + 1);
    }

    public static async Task EmptySinkAsync(Stage stage, int expected)
    {
        var arrived = await stage.Broker.CountReadyAsync(Stage.Sink);
        if (arrived != expected)
        {
            throw new InvalidOperationException($"{expected} events were sent and {arrived} arrived.");
        }

        await stage.Broker.PurgeAsync(Stage.Sink);
        await stage.Database.ExecuteAsync("VACUUM outbox");
    }
}
