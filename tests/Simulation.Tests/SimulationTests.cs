using Shop.Simulation.Tests.Runs;

namespace Shop.Simulation.Tests;

/// <summary>The relay's and the inbox's own code over model servers, one seed after the other.</summary>
public sealed class SimulationTests(ITestOutputHelper output)
{
    private const string NothingIsLeft = "^I6: .*: 0 in the outbox, 0 parked, 0 queues not empty, ";

    [Fact]
    public void Every_seed_processes_each_event_once()
    {
        if (Seeds.Asked is { } seed)
        {
            output.WriteLine(Seeds.Replay(seed, Seeds.AskedWeakness));
            Assert.Null(SimulatedShop.Run(seed, Seeds.AskedWeakness).Failure);
        }
        else if (Seeds.FindFailure(output, Weakness.None) is { } failed)
        {
            Assert.Fail(Seeds.Replay(failed.Seed));
        }
    }

    [Fact]
    public void A_seed_is_reproducible()
    {
        for (ulong seed = 1; seed <= 200; seed++)
        {
            var first = SimulatedShop.Run(seed);
            var again = SimulatedShop.Run(seed, tracing: true);
            Assert.Equal((first.Fingerprint, first.Steps, first.Failure), (again.Fingerprint, again.Steps, again.Failure));
        }
    }

    /// <summary>
    /// The negative controls: with one mechanism removed, the simulation must detect the violation that the mechanism
    /// prevents; with it, the same seed passes.
    /// </summary>
    [Theory]
    [InlineData(nameof(Weakness.NoInbox), "^I2: .* had [2-9] effects and 0 dead letters")]
    [InlineData(nameof(Weakness.AcknowledgeBeforeCommit), NothingIsLeft + "0 events not sent, [1-9][0-9]* sent without effect")]
    [InlineData(nameof(Weakness.DeleteBeforeConfirm), NothingIsLeft + "[1-9][0-9]* events not sent")]
    [InlineData(nameof(Weakness.IdCursor), "^I6: .*: [1-9][0-9]* in the outbox, 0 parked, 0 queues not empty, [1-9][0-9]* events not sent")]
    [InlineData(nameof(Weakness.FloorAtHighestSeen), "^I6: .*: [1-9][0-9]* in the outbox, 0 parked, 0 queues not empty, [1-9][0-9]* events not sent")]
    [InlineData(nameof(Weakness.FloorThatWaitsForNobody), "^I6: .*: [1-9][0-9]* in the outbox, 0 parked, 0 queues not empty, [1-9][0-9]* events not sent",
        nameof(Emphasis.WritersLinger))]
    [InlineData(nameof(Weakness.FloorKeptForNewPartition), "^I6: .*: [1-9][0-9]* in the outbox, 0 parked, 0 queues not empty, [1-9][0-9]* events not sent")]
    [InlineData(nameof(Weakness.NotMandatory), NothingIsLeft + "[1-9][0-9]* events not sent")]
    [InlineData(nameof(Weakness.LockWithoutFence), "^M4: .* came to .* before ", nameof(Emphasis.RelaysPaused))]
    public void A_seeded_weakness_is_found(string weakness, string failure, string emphasis = nameof(Emphasis.None))
    {
        var stress = Enum.Parse<Emphasis>(emphasis);
        var found = Seeds.FindFailure(output, Enum.Parse<Weakness>(weakness), stress, failure: failure);

        Assert.NotNull(found);
        Assert.Null(SimulatedShop.Run(found.Seed, Weakness.None, stress).Failure);
    }

    /// <summary>The other side of the control without a fence: with it, no pause of any relay breaks anything.</summary>
    [Fact]
    public void Relays_that_are_paused_for_longer_than_their_lease_violate_no_guarantee() =>
        Assert.Null(Seeds.FindFailure(output, Weakness.None, Emphasis.RelaysPaused, count: 1_000)?.Failure);

    /// <summary>The counterpart of the control whose floor ignores open transactions.</summary>
    [Fact]
    public void Transactions_that_stay_open_after_they_drew_a_number_are_not_skipped() =>
        Assert.Null(Seeds.FindFailure(output, Weakness.None, Emphasis.WritersLinger, count: 500)?.Failure);

    /// <summary>Found by the simulation: the relay compared wall-clock times, and stalled until the clock had caught up.</summary>
    [Fact]
    public void Setting_the_clock_back_does_not_stop_the_relay() =>
        Assert.Null(Seeds.FindFailure(output, Weakness.None, Emphasis.ClocksSetBack, count: 200)?.Failure);

    /// <summary>Found by the simulation: a batch that failed as a whole was sent again as a whole, for ever.</summary>
    [Fact]
    public void An_event_that_breaks_the_connection_blocks_only_its_own_stream() =>
        Assert.Null(Seeds.FindFailure(output, Weakness.None, Emphasis.ConnectionsKilled, count: 200)?.Failure);
}
