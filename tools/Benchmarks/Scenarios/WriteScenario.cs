using Shop.Benchmarks.Model;

namespace Shop.Benchmarks.Scenarios;

/// <summary>What an event costs the one who saves: the same order of three lines with one and without.</summary>
internal static class WriteScenario
{
    private const int Writers = 4;

    public static Scenario Scenario { get; } = new("write", "SaveChanges of an order with three lines, with one event and without", RunAsync);

    private static async Task<ScenarioResult> RunAsync(BenchContext bench)
    {
        await using var stage = await Stage.CreateAsync();
        var service = await stage.ProducerAsync(relay: false);
        var time = TimeSpan.FromSeconds(bench.Pick(3, 6));
        var series = await Alternating.RunAsync(bench, bench.Pick(5, 9),
            new Contender("without an event", (watch, ct) => SaveAsync(service, silent: true, time, watch, ct)),
            new Contender("with one event", async (watch, ct) =>
            {
                await SaveAsync(service, silent: false, time, watch, ct);
                var stored = await stage.Database.ScalarAsync<long>("WITH gone AS (DELETE FROM outbox RETURNING 1) SELECT count(*) FROM gone");
                if (stored != watch.Round!.Events)
                {
                    throw new InvalidOperationException($"{watch.Round.Events} orders left {stored} events.");
                }

                await stage.Database.ExecuteAsync("VACUUM outbox");
            }));

        return new ScenarioResult(Scenario.Name, Scenario.Title, "save", [.. series.Select(ResultRow.Of)],
        [
            new Finding("CPU of a save with an event against one without", series[1].Against(series[0], Cpu), "0.00x", 1.25, AtMost: true),
            new Finding("saves per second against those without", series[1].Against(series[0], round => round.Rate), "0.00x"),
        ]);
    }

    private static double Cpu(Round round) => round.Cpu.Ours / round.Events;

    public static async Task SaveAsync(
        ServiceUnderTest<BenchDbContext> service, bool silent, TimeSpan time, Stopwatched watch, CancellationToken ct)
    {
        watch.Start();
        watch.Stop(await Alternating.ForAsync(time, Writers, (number, token) => service.WorkAsync(async db =>
        {
            db.Orders.Add(BenchOrder.Place($"customer-{number % 100}", silent, TimeProvider.System.GetUtcNow()));
            await db.SaveChangesAsync(token);
        }), ct));
    }
}
