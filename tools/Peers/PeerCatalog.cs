using Shop.Benchmarks;
using Shop.Peers.Scenarios;

namespace Shop.Peers;

internal static class PeerCatalog
{
    /// <summary>In the order in which they run and are shown.</summary>
    public static readonly Scenario[] All =
        [WriteScenario.Scenario, SentScenario.Scenario, BacklogScenario.Scenario, InboxScenario.Scenario, LatencyScenario.Scenario, RestScenario.Scenario];
}
