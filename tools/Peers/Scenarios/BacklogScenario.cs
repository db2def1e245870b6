using Shop.Benchmarks;
using Shop.Peers.Model;

namespace Shop.Peers.Scenarios;

/// <summary>How fast events leave that an ended producer has stored and not sent.</summary>
internal static class BacklogScenario
{
    public static Scenario Scenario { get; } = new("backlog", "Draining a backlog into a quorum queue", RunAsync);

    private static async Task<ScenarioResult> RunAsync(BenchContext bench)
    {
        var shop = await ShopContestant.CreateAsync();
        await using var field = new Field([shop, await WolverineContestant.CreateAsync(), await CapContestant.CreateAsync(),
            await WolverineContestant.CreateAsync("Wolverine as it comes", tuned: false)]);
        foreach (var contestant in field.All)
        {
            await contestant.StartProducerAsync(sends: true);
        }

        var count = bench.Pick(20_000, 50_000);
        var time = TimeSpan.FromSeconds(bench.Pick(6, 12));
        Contender[] contenders =
        [
            new("limit: raw confirmed publish", async (watch, ct) =>
            {
                watch.Start();
                await shop.PublishRawAsync(count, ct);
                watch.Stop(count);
                await shop.ClearProducerAsync();
            }),
            .. field.All.Take(3).Select(contestant => new Contender(contestant.Name, (watch, ct) =>
                DrainAsync(contestant, contestant == shop ? count : count / 5, TimeSpan.FromSeconds(contestant is CapContestant ? 8 : 120), watch, ct))),
        ];
        var series = await Alternating.RunAsync(bench, bench.Pick(3, 5), contenders);
        var asItComes = await Alternating.RunAsync(bench, 1, new Contender(field.All[3].Name, (watch, ct) =>
            DrainAsync(field.All[3], 1_000, 2 * time, watch, ct)));
        return new ScenarioResult(Scenario.Name, Scenario.Title, "event",
            [.. series.Concat(asItComes).Select(ResultRow.Of), Field.MassTransit(rate: 402)],
            [.. series.Where(other => other != series[1]).Select(other => new Finding(
                $"Shop against {other.Name}, events/s", series[1].Against(other, round => round.Rate), "0.00x"))]);
    }

    /// <summary>Until all have left, or as many as do in the time.</summary>
    private static async Task DrainAsync(Contestant contestant, int count, TimeSpan within, Stopwatched watch, CancellationToken ct)
    {
        await contestant.FillAsync(count, watch.Start, ct);
        watch.Stop(await contestant.ArrivedAsync(count, within, ct));
        await contestant.ClearProducerAsync();
    }
}
