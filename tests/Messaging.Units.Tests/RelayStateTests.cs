using Shop.Messaging.Relay;

namespace Shop.Messaging.Units.Tests;

/// <summary>M2, M5: where claims begin, and how many events are published at once.</summary>
public sealed class RelayStateTests
{
    private static readonly HashSet<string> s_nobody = [];

    [Fact]
    public void The_floor_rises_once_all_observed_writers_have_ended()
    {
        var floor = new OutboxFloor();
        floor.Claimed(Rows(5, 9));
        floor.Observe(new HashSet<string> { "writer" });
        floor.Claimed(Rows());
        Assert.Equal(1, floor.Value); // the writer may still commit what is lower than 9

        floor.Observe(new HashSet<string> { "writer", "other" });
        floor.Claimed(Rows());
        Assert.Equal(1, floor.Value);

        floor.Observe(new HashSet<string> { "other" });
        floor.Claimed(Rows());
        Assert.Equal(10, floor.Value);
    }

    [Fact]
    public void The_floor_is_never_above_the_first_row_and_never_falls()
    {
        var floor = new OutboxFloor();
        floor.Claimed(Rows(3, 20));
        floor.Observe(s_nobody);
        floor.Observe(s_nobody);
        floor.Claimed(Rows(7, 8)); // an older row that is still there
        Assert.Equal(7, floor.Value);

        floor.Claimed(Rows(4));
        Assert.Equal(7, floor.Value);

        floor.Observe(s_nobody);
        floor.Claimed(Rows());
        Assert.Equal(21, floor.Value);

        floor.Observe(s_nobody);
        floor.Reset();
        floor.Claimed(Rows());
        Assert.Equal(21, floor.Value); // 20 is still the highest that was seen
    }

    [Fact]
    public void Rows_claimed_after_an_observation_settle_with_the_second_one_after_it()
    {
        var floor = new OutboxFloor();
        floor.Observe(s_nobody);
        floor.Claimed(Rows(1, 5));
        floor.Observe(s_nobody);
        floor.Claimed(Rows());
        Assert.Equal(1, floor.Value);

        floor.Observe(s_nobody);
        floor.Claimed(Rows());
        Assert.Equal(6, floor.Value);
    }

    [Fact]
    public void A_reset_begins_at_the_first_row()
    {
        var floor = new OutboxFloor();
        floor.Claimed(Rows(5));
        floor.Observe(s_nobody);
        floor.Observe(s_nobody);
        floor.Claimed(Rows());
        Assert.Equal(6, floor.Value);

        floor.Reset();

        Assert.Equal(0, floor.Value);
    }

    [Fact]
    public void After_a_loss_the_size_is_one_and_doubles_up_to_the_maximum()
    {
        var start = new SlowStart(5);
        Assert.Equal(5, start.Size);

        Assert.False(start.RecordLoss(Rows(1, 2), 1));
        List<int> sizes = [start.Size];
        for (var n = 0; n < 4; n++)
        {
            start.RecordSuccess();
            sizes.Add(start.Size);
        }

        Assert.Equal([1, 2, 4, 5, 5], sizes);
    }

    [Fact]
    public void A_single_event_is_blamed_after_consecutive_losses()
    {
        var start = new SlowStart(5);

        Assert.False(start.RecordLoss(Rows(7), 3));
        Assert.False(start.RecordLoss(Rows(7), 3));
        Assert.False(start.RecordLoss(Rows(8), 3)); // another one
        Assert.False(start.RecordLoss(Rows(7), 3));
        Assert.False(start.RecordLoss(Rows(7, 8), 3)); // nobody knows which
        Assert.False(start.RecordLoss(Rows(), 3));
        Assert.False(start.RecordLoss(Rows(7), 3));
        Assert.True(start.RecordLoss(Rows(7), 3));
        Assert.True(start.RecordLoss(Rows(9), 1));
    }

    private static List<OutboxRow> Rows(params long[] seqs) => [.. seqs.Select(seq => new OutboxRow(seq, Guid.Empty, "a", 0, "type", "{}", []))];
}
