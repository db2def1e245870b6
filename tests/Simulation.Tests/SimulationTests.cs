using Shop.Simulation.Tests.Runs;

namespace Shop.Simulation.Tests;

/// <summary>The relay's and the inbox's own code over model servers, one seed after the other.</summary>
public sealed class SimulationTests(ITestOutputHelper output)
{
    [Fact]
    public void Every_seed_comes_to_rest_with_each_event_in_effect_once()
    {
        if (Seeds.Asked is { } seed)
        {
            output.WriteLine(Seeds.Replay(seed));
            Assert.Null(SimulatedShop.Run(seed).Failure);
        }
        else if (Seeds.FindFailure(output, Weakness.None) is { } failed)
        {
            Assert.Fail(Seeds.Replay(failed.Seed));
        }
    }

    [Fact]
    public void A_seed_goes_the_same_way_each_time()
    {
        for (ulong seed = 1; seed <= 200; seed++)
        {
            var first = SimulatedShop.Run(seed);
            var again = SimulatedShop.Run(seed, tracing: true);
            Assert.Equal((first.Fingerprint, first.Steps, first.Failure), (again.Fingerprint, again.Steps, again.Failure));
        }
    }

    /// <summary>The negative controls: with one of its parts taken away, the design must be seen to break.</summary>
    [Theory]
    [InlineData(nameof(Weakness.NoInbox))]
    [InlineData(nameof(Weakness.AcknowledgeBeforeCommit))]
    [InlineData(nameof(Weakness.DeleteBeforeConfirm))]
    [InlineData(nameof(Weakness.IdCursor))]
    [InlineData(nameof(Weakness.NotMandatory))]
    [InlineData(nameof(Weakness.LockWithoutFence))]
    public void A_weakness_is_found(string weakness) => Assert.NotNull(Seeds.FindFailure(output, Enum.Parse<Weakness>(weakness)));

    /// <summary>Found by the simulation: the relay compared times of day, and stood still until a clock had made good its step.</summary>
    [Fact]
    public void A_clock_that_is_set_back_stops_no_relay() =>
        Assert.Null(Seeds.FindFailure(output, Weakness.None, Emphasis.ClocksSetBack, count: 200)?.Failure);

    /// <summary>Found by the simulation: a batch that failed as a whole was sent again as a whole, for ever.</summary>
    [Fact]
    public void An_event_that_costs_the_connection_each_time_stops_only_its_own_stream() =>
        Assert.Null(Seeds.FindFailure(output, Weakness.None, Emphasis.ConnectionsKilled, count: 200)?.Failure);
}
