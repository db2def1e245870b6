using Shop.Benchmarks;
using Shop.Benchmarks.Model;
using Shop.Peers.Model;

namespace Shop.Peers.Scenarios;

/// <summary>How fast events are consumed, each with one row of effect: from a full queue.</summary>
internal static class InboxScenario
{
    private static readonly TimeSpan s_within = TimeSpan.FromMinutes(5);

    public static Scenario Scenario { get; } = new("inbox", "Consuming from a quorum queue, one row of effect each", RunAsync);

    private static async Task<ScenarioResult> RunAsync(BenchContext bench)
    {
        var (one, batch) = (ConsumerKind.OneByOne, ConsumerKind.Batches);
        (Contestant Of, string Name, ConsumerKind Kind, int Count)[] entries =
        [
            (await ShopContestant.CreateAsync(), "Shop, one by one", one, bench.Pick(4_000, 10_000)),
            (await WolverineContestant.CreateAsync(), "Wolverine, one by one", one, bench.Pick(2_000, 4_000)),
            (await WolverineContestant.CreateAsync(tuned: false), "Wolverine as it comes, one by one", one, bench.Pick(1_500, 3_000)),
            (await CapContestant.CreateAsync(), "CAP, one by one, no inbox", one, bench.Pick(1_500, 3_000)),
            (await CapContestant.CreateAsync(tuned: false), "CAP as it comes, one by one, no inbox", one, bench.Pick(600, 1_500)),
            (await ShopContestant.CreateAsync(), "Shop, in batches", batch, bench.Pick(16_000, 40_000)),
            (await WolverineContestant.CreateAsync(), "Wolverine, in batches", batch, bench.Pick(4_000, 8_000)),
        ];
        await using var field = new Field([.. entries.Select(entry => entry.Of)]);
        foreach (var entry in entries)
        {
            await entry.Of.StartConsumerAsync(entry.Kind);
        }

        var series = await Alternating.RunAsync(bench, bench.Pick(3, 5), [.. entries.Select(entry =>
            new Contender(entry.Name, (watch, ct) => ConsumeAsync(entry.Of, entry.Count, watch, ct)))]);
        Finding Ratio(int ours, int theirs) => new($"{series[ours].Name} against {series[theirs].Name}, events/s",
            series[ours].Against(series[theirs], round => round.Rate), "0.0x");
        return new ScenarioResult(Scenario.Name, Scenario.Title, "event",
            [.. series.Select(ResultRow.Of), Field.MassTransit(rate: 257)], [Ratio(0, 1), Ratio(0, 3), Ratio(5, 6)]);
    }

    private static async Task ConsumeAsync(Contestant contestant, int count, Stopwatched watch, CancellationToken ct)
    {
        await contestant.HoldConsumerAsync();
        CommitClock.Restart();
        await contestant.FillQueueAsync(count, ct);
        watch.Start();
        await contestant.ReleaseConsumerAsync();
        await Eventually.HoldsAsync($"{contestant.Name} has consumed {count} events", () => CommitClock.Count >= count, s_within).WaitAsync(ct);
        watch.Stop(count);
        var effects = await contestant.Effects.ScalarAsync<long>("SELECT count(*) FROM effects");
        if (effects != count)
        {
            throw new InvalidOperationException($"{contestant.Name}: {count} events were consumed and had {effects} effects.");
        }

        await contestant.Effects.ExecuteAsync($"TRUNCATE effects, {contestant.Inbox}");
    }
}
