using Microsoft.Extensions.DependencyInjection;
using Shop.Benchmarks.Model;
using Shop.Messaging.Outbox;
using Shop.Messaging.Relay;

namespace Shop.Benchmarks.Scenarios;

/// <summary>Whether the relay's rate depends on how much waits: 1,000, 100,000 and 1,000,000 rows; and with two relays.</summary>
internal static class BacklogScenario
{
    public static Scenario Scenario { get; } = new("backlog", "Draining with 1,000 to 1,000,000 rows waiting", RunAsync);

    private static async Task<ScenarioResult> RunAsync(BenchContext bench)
    {
        await using var stage = await Stage.CreateAsync();
        var sample = await stage.SampleAsync(await stage.ProducerAsync(relay: false));
        await stage.BindSinkAsync();
        using var published = EventCounter.Published();
        var part = bench.Pick(20_000, 100_000);
        var all = bench.Quick ? part : 1_000_000;
        var some = bench.Pick(40_000, 100_000);
        string First(int drained, int of) => drained == of ? "" : $", the first {drained:N0}";
        Contender Of(string name, int relays, int backlog, int drained, int times = 1) => new(name, async (watch, ct) =>
        {
            await using var relaying = await Relays.StartAsync(stage, sample, relays, published, ct);
            await relaying.DrainAsync(backlog, drained, times, watch, ct);
        });

        var series = await Alternating.RunAsync(bench, bench.Pick(1, 3),
            Of("1,000 rows, again and again", 1, 1_000, 1_000, part / 1_000),
            Of($"100,000 rows{First(some, 100_000)}", 1, 100_000, some),
            Of($"1,000,000 rows{First(all, 1_000_000)}", 1, 1_000_000, all),
            Of("100,000 rows, two relays", 2, 100_000, some));
        return new ScenarioResult(Scenario.Name, Scenario.Title, "event", [.. series.Select(ResultRow.Of)],
        [
            new Finding("events/s with 1,000,000 rows against 1,000", series[2].Against(series[0], round => round.Rate), "0%", 0.9),
            new Finding("CPU per event with 1,000,000 rows against 1,000", series[2].Against(series[0], round => round.Cpu.Ours / round.Events), "0.00x"),
            new Finding("two relays against one, events/s", series[3].Against(series[1], round => round.Rate), "0.00x"),
        ]);
    }
}

/// <summary>Running relays of one database, in this process.</summary>
internal sealed class Relays : IAsyncDisposable
{
    private readonly Stage _stage;
    private readonly OutboxRow _sample;
    private readonly EventCounter _published;
    private readonly List<ServiceUnderTest<BenchDbContext>> _services = [];
    private readonly CancellationTokenSource _end = new();
    private Task _emptying = Task.CompletedTask;

    private Relays(Stage stage, OutboxRow sample, EventCounter published) => (_stage, _sample, _published) = (stage, sample, published);

    public static async Task<Relays> StartAsync(Stage stage, OutboxRow sample, int relays, EventCounter published, CancellationToken ct)
    {
        var started = new Relays(stage, sample, published);
        for (var number = 0; number < relays; number++)
        {
            started._services.Add(await stage.ProducerAsync(relay: true, migrate: false));
        }

        // When events of every partition have left, each relay has its share of them.
        published.Reset();
        await stage.FillAsync(sample, 16, () => { }, ct);
        await published.ReachesAsync(16, ct);
        if (relays > 1)
        {
            await started.AreSharingAsync(relays);
        }

        published.Reset();
        started._emptying = started.EmptySinkAsync();
        return started;
    }

    /// <summary>Fills the outbox, and measures how so many of the rows leave.</summary>
    public async Task DrainAsync(int backlog, int drained, int times, Stopwatched watch, CancellationToken ct)
    {
        for (var time = 1; time <= times; time++)
        {
            await _stage.FillAsync(_sample, backlog, () =>
            {
                if (time == 1)
                {
                    watch.Start();
                }
            }, ct);
            _services.ForEach(service => service.Services.GetRequiredService<OutboxSignal>().Set());
            await _published.ReachesAsync((long)drained * time, ct);
        }

        watch.Stop(drained * times);
    }

    /// <summary>Stores events as fast as they leave, so that a few thousand wait all the time, and measures that.</summary>
    public async Task PassAsync(int count, Stopwatched watch, CancellationToken ct)
    {
        const int Chunk = 5_000;
        const int Waiting = 10_000;
        _published.Reset();
        watch.Start();
        for (var stored = 0; stored < count; stored += Chunk)
        {
            await _published.ReachesAsync(stored - Waiting, ct);
            await _stage.FillAsync(_sample, Math.Min(Chunk, count - stored), () => { }, ct);
            _services.ForEach(service => service.Services.GetRequiredService<OutboxSignal>().Set());
        }

        await _published.ReachesAsync(count, ct);
        watch.Stop(count);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var service in _services)
        {
            await service.StopAsync();
        }

        await _end.CancelAsync();
        await _emptying;
        _end.Dispose();
        _published.Reset();
        if (await _stage.Database.ScalarAsync<long>("SELECT count(*) FROM outbox") > 0)
        {
            await _stage.Database.ExecuteAsync("TRUNCATE outbox"); // not always: what many deletes leave behind is measured too
        }

        await _stage.Broker.PurgeAsync(Stage.Sink);
    }

    private Task AreSharingAsync(int relays) => Eventually.HoldsAsync($"{relays} relays hold partitions", async () =>
        await _stage.Database.ScalarAsync<long>(
            $"SELECT count(DISTINCT pid) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND objid BETWEEN 1 AND {OutboxMessage.Partitions} "
            + $"AND classid = {RelaySession.LockClass} AND database = (SELECT oid FROM pg_database WHERE datname = current_database())") == relays);

    /// <summary>A queue of a million messages would distort the measurement: without a consumer, messages are dropped as they arrive.</summary>
    private async Task EmptySinkAsync()
    {
        while (!_end.IsCancellationRequested)
        {
            await _stage.Broker.PurgeAsync(Stage.Sink);
            await Task.Delay(TimeSpan.FromSeconds(1), _end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
