using Shop.Benchmarks.Servers;

namespace Shop.Benchmarks.Scenarios;

/// <summary>
/// What more instances of each service cost at the same total load, on the same processors: relays that share partitions, consumers that
/// share queues, smaller batches, more connections.
/// </summary>
internal static class InstancesScenario
{
    private const int Most = 3;
    private const int Steady = 100;
    private const int Offered = 400;

    public static Scenario Scenario { get; } = new(
        "instances", "The whole shop with one, two and three instances of each service", RunAsync, InQuick: false, OwnServers: true);

    private static async Task<ScenarioResult> RunAsync(BenchContext bench)
    {
        await using var run = await FlowRun.StartAsync(bench);
        List<FlowStep> steady = [], full = [];
        for (var instances = 1; instances <= Most; instances++)
        {
            var name = instances == 1 ? "1 instance" : $"{instances} instances";
            for (var rate = 50; rate <= 200; rate += 50)
            {
                await run.StepAsync($"{name}, warm-up, {rate} orders/s", rate, TimeSpan.FromSeconds(bench.Pick(4, 10)));
            }

            steady.Add(await run.StepAsync($"{name}, {Steady} orders/s", Steady, TimeSpan.FromSeconds(bench.Pick(10, 20))));
            full.Add(await run.StepAsync($"{name}, {Offered} orders/s offered", Offered, TimeSpan.FromSeconds(10)));
            if (instances < Most)
            {
                await run.AddInstancesAsync();
            }
        }

        await run.CheckAsync();
        return new ScenarioResult(
            Scenario.Name, Scenario.Title, "order",
            [.. steady.Select(step => step.ToRow(Spread.Of([step.Placed]))), .. full.Select(step => step.ToRow(Spread.Of([step.Processed])))],
            [
                .. Enumerable.Range(1, Most - 1).SelectMany(more => (Finding[])[
                    new Finding($"CPU per order at {Steady}/s with {more + 1} instances, against one", Ratio(steady, more, step => step.CpuPerOrder), "0.00x"),
                    new Finding($"orders/s processed with {more + 1} instances, against one", Ratio(full, more, step => step.Processed), "0.00x")]),
                .. ServerWork.Findings([full[^1].Work]),
            ]);
    }

    private static Spread Ratio(List<FlowStep> steps, int more, Func<FlowStep, double> of) => Spread.Of([of(steps[more]) / of(steps[0])]);
}
