using Shop.Benchmarks;
using Shop.Peers.Model;

namespace Shop.Peers.Scenarios;

/// <summary>How many events a producer saves and sends at most: from the first save until the last message is confirmed and in the queue.</summary>
internal static class SentScenario
{
    private const int Writers = 16;

    public static Scenario Scenario { get; } = new("sent", "Orders saved, and their events in a quorum queue", RunAsync);

    private static async Task<ScenarioResult> RunAsync(BenchContext bench)
    {
        await using var field = new Field([await ShopContestant.CreateAsync(), await WolverineContestant.CreateAsync(),
            await CapContestant.CreateAsync(), await CapContestant.CreateAsync("CAP as it comes", tuned: false)]);
        var time = TimeSpan.FromSeconds(bench.Pick(2, 5));
        foreach (var contestant in field.All)
        {
            await contestant.StartProducerAsync(sends: true);
        }

        var series = await Alternating.RunAsync(bench, bench.Pick(3, 7), [.. field.All.Select(contestant => new Contender(contestant.Name, async (watch, ct) =>
        {
            watch.Start();
            var saved = await Alternating.ForAsync(time, Writers, (number, token) => contestant.SaveAsync(number, silent: false, token), ct);
            var arrived = await contestant.ArrivedAsync(saved, TimeSpan.FromMinutes(2), ct);
            watch.Stop(saved);
            if (arrived != saved)
            {
                throw new InvalidOperationException($"{contestant.Name}: {saved} orders were saved and {arrived} events arrived.");
            }

            await contestant.ClearProducerAsync();
        }))]);
        return new ScenarioResult(Scenario.Name, Scenario.Title, "event", [.. series.Select(ResultRow.Of)],
            [.. series.Skip(1).Select(peer => new Finding(
                $"Shop against {peer.Name}, events/s", series[0].Against(peer, round => round.Rate), "0.00x"))]);
    }
}
