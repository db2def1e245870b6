using Shop.Benchmarks.Servers;

namespace Shop.Benchmarks.Scenarios;

/// <summary>
/// Orders per second through the whole shop, from the POST to Confirmed, with its mail written and all its events in Analytics: four
/// services, both servers and the client on this machine. First the rate rises until the shop does not keep up, then it is held.
/// </summary>
internal static class FlowScenario
{
    private const int Wanted = 400;
    private static readonly TimeSpan s_keepsUp = TimeSpan.FromSeconds(2);

    public static Scenario Scenario { get; } = new(
        "flow", "The whole shop, from POST /orders to Confirmed", RunAsync, OwnServers: true);

    private static async Task<ScenarioResult> RunAsync(BenchContext bench)
    {
        await using var run = await FlowRun.StartAsync(bench);
        await run.StepAsync("warm-up", 50, TimeSpan.FromSeconds(bench.Pick(5, 20)));

        List<FlowStep> steps = [];
        var sustained = 50;
        for (var rate = 100; rate <= 1_000; rate += 50)
        {
            var step = await run.StepAsync($"{rate} orders/s", rate, TimeSpan.FromSeconds(bench.Pick(4, 10)));
            steps.Add(step);
            if (step.Lag > s_keepsUp)
            {
                break;
            }

            sustained = rate;
        }

        var held = Math.Min(sustained, Wanted);
        var last = await run.StepAsync($"{held} orders/s, held", held, TimeSpan.FromSeconds(bench.Pick(15, 60)));
        await run.CheckAsync();
        return new ScenarioResult(
            Scenario.Name, Scenario.Title, "order", [.. steps.Append(last).Select(step => step.ToRow(Spread.Of([step.Placed])))],
        [
            new Finding($"orders/s held for {bench.Pick(15, 60)} s", Spread.Of([last.Placed]), "N0", Wanted * 0.99),
            new Finding("seconds until nothing waits anywhere after the last order", Spread.Of([last.Lag.TotalSeconds]), "0.0", 5, AtMost: true),
            new Finding("highest rate of the steps that the shop kept up with", Spread.Of([sustained]), "N0"),
            new Finding("ms of CPU per order, everybody's", Spread.Of([last.CpuPerOrder]), "0.00"),
            .. ServerWork.Findings([last.Work]),
        ]);
    }
}
