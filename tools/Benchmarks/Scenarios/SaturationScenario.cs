using Shop.Benchmarks.Servers;

namespace Shop.Benchmarks.Scenarios;

/// <summary>
/// How many orders per second the whole shop processes when more are offered: the rate that both cores allow. Rates and costs below it say
/// little about it, because batches grow with the load.
/// </summary>
internal static class SaturationScenario
{
    private const int Offered = 400;

    public static Scenario Scenario { get; } = new(
        "saturation", $"The whole shop, {Offered} orders/s offered", RunAsync, OwnServers: true);

    private static async Task<ScenarioResult> RunAsync(BenchContext bench)
    {
        await using var run = await FlowRun.StartAsync(bench);
        for (var rate = 50; rate <= 200; rate += 50)
        {
            await run.StepAsync($"warm-up, {rate} orders/s", rate, TimeSpan.FromSeconds(bench.Pick(4, 10)));
        }

        List<FlowStep> rounds = [];
        for (var round = 1; round <= bench.Pick(3, 5); round++)
        {
            rounds.Add(await run.StepAsync($"round {round}", Offered, TimeSpan.FromSeconds(10)));
        }

        await run.CheckAsync();
        await run.WriteStatementsAsync();
        return new ScenarioResult(
            Scenario.Name, Scenario.Title, "order", [.. rounds.Select(round => round.ToRow(Spread.Of([round.Processed])))],
        [
            new Finding("orders/s processed, until nothing waits anywhere", Spread.Of(rounds.Select(round => round.Processed)), "N0", Offered * 0.99),
            new Finding("ms of CPU per order, everybody's", Spread.Of(rounds.Select(round => round.CpuPerOrder)), "0.00"),
            .. ServerWork.Findings(rounds.Select(round => round.Work)),
        ]);
    }
}
