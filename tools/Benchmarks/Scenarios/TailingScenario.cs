using Microsoft.Extensions.DependencyInjection;
using Shop.Benchmarks.Model;
using Shop.Messaging;
using Shop.Messaging.LogTailing;
using Shop.Messaging.Relay;

namespace Shop.Benchmarks.Scenarios;

/// <summary>The two ways from a commit to the broker side by side, each with a database of its own: storing, sending, latency.</summary>
internal static class TailingScenario
{
    private const int Rate = 20;

    public static Scenario Scenario { get; } = new("tailing", "Log tailing against polling", RunAsync);

    private static async Task<ScenarioResult> RunAsync(BenchContext bench)
    {
        await using var polling = await Stage.CreateAsync();
        await using var tailing = await Stage.CreateAsync(RelayKind.LogTailing);
        var (writesRows, writesLog) = (await polling.ProducerAsync(relay: false), await tailing.ProducerAsync(relay: false));
        var sample = await polling.SampleAsync(writesRows);
        await polling.BindSinkAsync();
        await tailing.BindSinkAsync();

        var saves = await SaveAsync(bench, polling, writesRows, tailing, writesLog);
        var drains = await DrainAsync(bench, polling, tailing, writesLog, sample);
        var latencies = await LatencyAsync(bench, polling, tailing);
        return new ScenarioResult(Scenario.Name, Scenario.Title, "event", [.. saves.Concat(drains).Select(ResultRow.Of), .. latencies],
        [
            new Finding("a save with an event in the log against one with a row, CPU", saves[2].Against(saves[1], Cpu), "0.00x"),
            new Finding("a save with an event in the log against one without, CPU", saves[2].Against(saves[0], Cpu), "0.00x"),
            new Finding("events/s sent from the log against from the table", drains[1].Against(drains[0], round => round.Rate), "0.00x"),
            new Finding("CPU per event sent from the log against from the table", drains[1].Against(drains[0], Cpu), "0.00x"),
            new Finding($"p50 at {Rate}/s, log tailing against polling",
                LatencyScenario.Ratio(latencies[1].Latency!.P50, latencies[0].Latency!.P50), "0.00x"),
            new Finding($"p99 at {Rate}/s, log tailing against polling",
                LatencyScenario.Ratio(latencies[1].Latency!.P99, latencies[0].Latency!.P99), "0.00x"),
        ]);
    }

    private static double Cpu(Round round) => round.Cpu.Ours / round.Events;

    private static Task<IReadOnlyList<Series>> SaveAsync(
        BenchContext bench, Stage polling, ServiceUnderTest<BenchDbContext> writesRows, Stage tailing, ServiceUnderTest<BenchDbContext> writesLog)
    {
        var time = TimeSpan.FromSeconds(bench.Pick(2, 6));
        Contender Of(string name, ServiceUnderTest<BenchDbContext> service, Func<Task<long>> takeAsync, bool silent = false) => new(name, async (watch, ct) =>
        {
            await WriteScenario.SaveAsync(service, silent, time, watch, ct);
            CheckSame(silent ? 0 : watch.Round!.Events, await takeAsync());
        });

        return Alternating.RunAsync(bench, bench.Pick(2, 9),
            Of("a save without an event", writesRows, () => TakeRowsAsync(polling), silent: true),
            Of("a save with one, polling", writesRows, () => TakeRowsAsync(polling)),
            Of("a save with one, log tailing", writesLog, () => TakeLoggedAsync(tailing)));
    }

    /// <summary>Events wait when the round begins: as rows, or in the log from where its reader has to begin.</summary>
    private static async Task<IReadOnlyList<Series>> DrainAsync(
        BenchContext bench, Stage polling, Stage tailing, ServiceUnderTest<BenchDbContext> writesLog, OutboxRow sample)
    {
        using var published = EventCounter.Published();
        var count = bench.Pick(20_000, 50_000);
        return await Alternating.RunAsync(bench, bench.Pick(2, 9),
            new Contender("sending, polling", (watch, ct) => RelayScenario.RelayAsync(polling, sample, count, published, watch, ct)),
            new Contender("sending, log tailing", (watch, ct) => ReadLogAsync(tailing, writesLog, sample, count, published, watch, ct)));
    }

    private static async Task ReadLogAsync(
        Stage stage, ServiceUnderTest<BenchDbContext> writer, OutboxRow sample, int count, EventCounter published, Stopwatched watch,
        CancellationToken ct)
    {
        await TakeLoggedAsync(stage); // the log of the other database's rounds is not read along
        published.Reset();
        ServiceUnderTest<BenchDbContext> service;
        await using (var leads = await LogSession.OpenAsync(writer.Services.GetRequiredService<MessagingSettings>(), ct))
        {
            // While another session holds the leader lock, the relay does not read the log, so that all reading, and connecting, is measured.
            await Eventually.HoldsAsync("no relay leads", () => leads.TryLeadAsync(ct));
            service = await stage.ProducerAsync(relay: true, migrate: false);
            await stage.FillAsync(sample, count, () => { }, ct);
            watch.Start();
        }

        await published.ReachesAsync(count, ct);
        watch.Stop(count);
        published.Reset();
        await service.StopAsync();
        await RelayScenario.EmptySinkAsync(stage, count);
    }

    /// <summary>One of the two services at a time, because an idle relay has its cost too.</summary>
    private static async Task<ResultRow[]> LatencyAsync(BenchContext bench, Stage polling, Stage tailing)
    {
        (Stage Stage, string Name, List<TimedRound> Rounds)[] compared =
            [(polling, $"{Rate}/s, polling", []), (tailing, $"{Rate}/s, log tailing", [])];
        await using var theirs = await TestServers.CreateDatabaseAsync("bench");
        foreach (var (stage, _, _) in compared)
        {
            stage.Gate.Open();
            await stage.ConsumerAsync(theirs, bus => bus.AddConsumer<BenchConsumer>(), migrateDatabase: stage == polling);
        }

        for (var number = 1; number <= bench.Pick(2, 4); number++)
        {
            foreach (var (stage, name, rounds) in number % 2 == 0 ? compared : compared.Reverse())
            {
                var service = await stage.ProducerAsync(relay: true, migrate: false);
                await LatencyScenario.OneRoundAsync(bench, $"warm-up  {name}", service, Rate, TimeSpan.FromSeconds(2));
                rounds.Add(await LatencyScenario.OneRoundAsync(bench, $"round {number}  {name}", service, Rate, TimeSpan.FromSeconds(bench.Pick(4, 60))));
                await service.StopAsync();
            }
        }

        return [.. compared.Select(one => LatencyScenario.RowOf(bench, one.Name, one.Rounds))];
    }

    private static async Task<long> TakeRowsAsync(Stage stage)
    {
        var count = await stage.Database.ScalarAsync<long>("WITH gone AS (DELETE FROM outbox RETURNING 1) SELECT count(*) FROM gone");
        await stage.Database.ExecuteAsync("VACUUM outbox");
        return count;
    }

    private static Task<long> TakeLoggedAsync(Stage stage) => stage.Database.ScalarAsync<long>($"""
        SELECT count(*) FROM pg_logical_slot_get_binary_changes({LogSlot.NameOfSlot}, NULL, NULL,
            'proto_version', '1', 'publication_names', '{LogSlot.Publication}', 'messages', 'true')
        WHERE get_byte(data, 0) = ascii('M') AND length(data) > 100
        """);

    private static void CheckSame(long saved, long stored)
    {
        if (saved != stored)
        {
            throw new InvalidOperationException($"{saved} orders left {stored} events.");
        }
    }
}
