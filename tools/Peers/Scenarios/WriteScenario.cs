using Shop.Benchmarks;
using Shop.Peers.Model;

namespace Shop.Peers.Scenarios;

/// <summary>What an event costs the one who saves, nothing sent yet: the same order of three lines with one and without.</summary>
internal static class WriteScenario
{
    private const int Writers = 4;

    public static Scenario Scenario { get; } = new("write", "SaveChanges of an order with three lines, nothing sent", RunAsync);

    private static async Task<ScenarioResult> RunAsync(BenchContext bench)
    {
        await using var field = new Field(
            [await ShopContestant.CreateAsync(), await WolverineContestant.CreateAsync(), await CapContestant.CreateAsync()]);
        var time = TimeSpan.FromSeconds(bench.Pick(2, 4));
        List<Contender> contenders = [];
        foreach (var contestant in field.All)
        {
            await contestant.StartProducerAsync(sends: false);
            contenders.Add(new Contender($"{contestant.Name}, no event", (watch, ct) => SaveAsync(contestant, silent: true, time, watch, ct)));
            contenders.Add(new Contender($"{contestant.Name}, one event", async (watch, ct) =>
            {
                await SaveAsync(contestant, silent: false, time, watch, ct);
                var stored = await contestant.Database.ScalarAsync<long>($"SELECT count(*) FROM {contestant.Outbox}");
                if (stored != watch.Round!.Events)
                {
                    throw new InvalidOperationException($"{contestant.Name}: {watch.Round.Events} orders left {stored} events.");
                }

                await contestant.ClearProducerAsync();
            }));
        }

        var series = await Alternating.RunAsync(bench, bench.Pick(3, 7), [.. contenders]);
        return new ScenarioResult(Scenario.Name, Scenario.Title, "save",
            [.. series.Select(ResultRow.Of), Field.MassTransit(cpu: 785)],
            [.. field.All.SelectMany((contestant, index) => Added(contestant.Name, series[2 * index], series[(2 * index) + 1]))]);
    }

    private static IEnumerable<Finding> Added(string name, Series without, Series with)
    {
        static double Cpu(Round round) => round.Micros(cpu => cpu.Ours);
        yield return new Finding($"{name}: CPU of a save with an event against the same without", with.Against(without, Cpu), "0.00x");
        yield return new Finding($"{name}: microseconds that the event adds",
            Spread.Of(with.Rounds.Zip(without.Rounds, (more, less) => Cpu(more) - Cpu(less))), "0");
    }

    private static async Task SaveAsync(Contestant contestant, bool silent, TimeSpan time, Stopwatched watch, CancellationToken ct)
    {
        watch.Start();
        watch.Stop(await Alternating.ForAsync(time, Writers, (number, token) => contestant.SaveAsync(number, silent, token), ct));
    }
}
