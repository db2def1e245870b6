using Shop.Benchmarks.Scenarios;

namespace Shop.Benchmarks;

internal static class Catalog
{
    /// <summary>In the order in which they run and are shown.</summary>
    public static readonly Scenario[] All =
    [
        WriteScenario.Scenario, RelayScenario.Scenario, TailingScenario.Scenario, InboxScenario.Scenario, LatencyScenario.Scenario,
        BacklogScenario.Scenario, FlowScenario.Scenario, SaturationScenario.Scenario, InstancesScenario.Scenario,
        PartsScenario.Scenario, StartScenario.Scenario, MillionsScenario.Scenario,
    ];
}
