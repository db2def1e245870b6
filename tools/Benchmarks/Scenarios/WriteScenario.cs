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
        var limit = stage.Own(await RawSave.CreateAsync(stage, service));
        Task LimitAsync(bool silent, Stopwatched watch, CancellationToken ct) =>
            SaveAsync((number, token) => limit.SaveAsync(number, silent, token), time, watch, ct);
        var series = await Alternating.RunAsync(bench, bench.Pick(5, 9),
            new Contender("without an event", (watch, ct) => SaveAsync(service, silent: true, time, watch, ct)),
            new Contender("with one event", (watch, ct) => StoredAsync(stage, watch, SaveAsync(service, silent: false, time, watch, ct))),
            new Contender("limit: the same statements by Npgsql alone, without", (watch, ct) => LimitAsync(silent: true, watch, ct)),
            new Contender("limit: and with one", (watch, ct) => StoredAsync(stage, watch, LimitAsync(silent: false, watch, ct))));

        return new ScenarioResult(Scenario.Name, Scenario.Title, "save", [.. series.Select(ResultRow.Of)],
        [
            new Finding("CPU of a save with an event against one without", series[1].Against(series[0], Cpu), "0.00x", 1.25, AtMost: true),
            new Finding("the same of the limit", series[3].Against(series[2], Cpu), "0.00x"),
            new Finding("microseconds that the event adds", Added(series[1], series[0]), "0"),
            new Finding("the same of the limit, us", Added(series[3], series[2]), "0"),
            new Finding("saves per second against those without", series[1].Against(series[0], round => round.Rate), "0.00x"),
        ]);
    }

    private static Spread Added(Series with, Series without) =>
        Spread.Of(with.Rounds.Zip(without.Rounds, (more, less) => (Cpu(more) - Cpu(less)) * 1e6));

    private static async Task StoredAsync(Stage stage, Stopwatched watch, Task saved)
    {
        await saved;
        var stored = await stage.Database.ScalarAsync<long>("WITH gone AS (DELETE FROM outbox RETURNING 1) SELECT count(*) FROM gone");
        if (stored != watch.Round!.Events)
        {
            throw new InvalidOperationException($"{watch.Round.Events} orders left {stored} events.");
        }

        await stage.Database.ExecuteAsync("VACUUM outbox");
    }

    private static double Cpu(Round round) => round.Cpu.Ours / round.Events;

    public static Task SaveAsync(
        ServiceUnderTest<BenchDbContext> service, bool silent, TimeSpan time, Stopwatched watch, CancellationToken ct) =>
        SaveAsync((number, token) => service.WorkAsync(async db =>
        {
            db.Orders.Add(BenchOrder.Place($"customer-{number % 100}", silent, TimeProvider.System.GetUtcNow()));
            await db.SaveChangesAsync(token);
        }), time, watch, ct);

    private static async Task SaveAsync(Func<int, CancellationToken, Task> save, TimeSpan time, Stopwatched watch, CancellationToken ct)
    {
        watch.Start();
        watch.Stop(await Alternating.ForAsync(time, Writers, save, ct));
    }
}
