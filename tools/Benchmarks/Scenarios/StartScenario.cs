namespace Shop.Benchmarks.Scenarios;

/// <summary>
/// The shop as the AppHost starts it: memory at rest and after work, what the first customers wait for, and how long one service takes from its
/// start until it is ready.
/// </summary>
internal static class StartScenario
{
    private const int FirstOrders = 100;
    private const int PerSecond = 10;
    private const int Working = 200;
    private static readonly TimeSpan s_rest = TimeSpan.FromSeconds(20);

    public static Scenario Scenario { get; } = new(
        "start", "After a start: memory, the first orders, one more service", RunAsync, InQuick: false, OwnServers: true);

    private static async Task<ScenarioResult> RunAsync(BenchContext bench)
    {
        var rest = await RestAsync(bench);
        await using var run = await FlowRun.StartAsync(bench, asInProduction: false);
        var first = await run.StepAsync($"the first {FirstOrders} orders, {PerSecond}/s", PerSecond, TimeSpan.FromSeconds((double)FirstOrders / PerSecond));
        var waited = await run.FromPostAsync();
        await Task.Delay(s_rest, bench.Stopping);
        var begun = run.Memory();
        List<FlowStep> steps = [first];
        for (var rate = 50; rate <= Working; rate += 50)
        {
            steps.Add(await run.StepAsync($"{rate} orders/s", rate, TimeSpan.FromSeconds(bench.Pick(5, 15))));
        }

        var worked = run.Memory();
        var starts = await run.AddInstancesAsync();
        await run.CheckAsync();
        Finding Of(string what, IReadOnlyDictionary<string, double> of, string format, double target) =>
            new($"{what}, the median of four services", Spread.Of(of.Values), format, target, AtMost: true);
        IEnumerable<Finding> Each(string what, IReadOnlyDictionary<string, double> of, string format) =>
            of.Select(one => new Finding($"  {what}, {one.Key}", Spread.Of([one.Value]), format));
        return new ScenarioResult(Scenario.Name, Scenario.Title, "order", [.. steps.Select(step => step.ToRow(Spread.Of([step.Placed])))],
        [
            new Finding($"the first {FirstOrders} orders, POST to Confirmed, p50 ms", waited.P50, "0"),
            new Finding($"the first {FirstOrders} orders, POST to Confirmed, p99 ms", waited.P99, "0", 250, AtMost: true),
            Of($"MB (PSS) at rest, {s_rest.TotalSeconds:0} s after a start without orders", rest, "0", 90), .. Each("at rest", rest, "0"),
            .. Each($"after {FirstOrders} orders and {s_rest.TotalSeconds:0} s of rest", begun, "0"),
            Of($"MB (PSS) after {Working} orders/s", worked, "0", 200), .. Each("after work", worked, "0"),
            Of("one more instance, s from its start until it is ready", starts, "0.0", 3), .. Each("start", starts, "0.0"),
        ]);
    }

    private static async Task<IReadOnlyDictionary<string, double>> RestAsync(BenchContext bench)
    {
        await using var run = await FlowRun.StartAsync(bench, asInProduction: false);
        await Task.Delay(s_rest, bench.Stopping);
        return run.Memory();
    }
}
