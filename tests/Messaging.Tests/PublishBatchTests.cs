using Shop.Messaging.RabbitMq;
using Shop.Messaging.Relay;


namespace Shop.Messaging.Tests;

/// <summary>M2 and M4 in the tracking of unconfirmed events, whatever the order of the broker's confirms.</summary>
public sealed class PublishBatchTests
{
    private readonly PublishReport _report = new();

    [Fact]
    public void Confirms_out_of_order_and_for_many_rows_settle_each_row_once()
    {
        var batch = Batch(firstTag: 8, "a", "b", "c", "d", "e");
        Assert.Equal([1, 2, 3, 4, 5], SendAll(batch));

        batch.Confirmed(10, multiple: false);
        Assert.Equal([3], _report.Confirmed);
        batch.Confirmed(11, multiple: true);
        Assert.Equal([1, 2, 3, 4], _report.Confirmed.Order());
        batch.Confirmed(9, multiple: false);
        batch.Confirmed(7, multiple: true);
        batch.Confirmed(99, multiple: true);
        Assert.False(batch.IsSettled);
        batch.Nacked(12, multiple: true);

        Assert.True(batch.IsSettled);
        Assert.Equal([1, 2, 3, 4], _report.Confirmed.Order());
        Assert.Equal([5], _report.Refused.Keys);
    }

    [Fact]
    public void A_returned_message_is_rejected_despite_its_confirm()
    {
        var batch = Batch(firstTag: 1, "a", "b");
        SendAll(batch);

        batch.Returned("type", Row(2, "b").EventId);
        batch.Confirmed(2, multiple: true);

        Assert.Equal([1], _report.Confirmed);
        Assert.Equal([2], _report.Refused.Keys);
    }

    [Fact]
    public void A_later_event_of_a_stream_is_held_until_the_one_before_it_is_confirmed_and_other_streams_are_not()
    {
        var batch = Batch(firstTag: 1, "a", "a", "b", "a", "b");
        Assert.Equal([1, 3], SendAll(batch));

        batch.Confirmed(1, multiple: false);
        Assert.Equal([2], SendAll(batch));
        batch.Nacked(3, multiple: false);
        Assert.Empty(SendAll(batch));
        batch.Confirmed(2, multiple: false);
        Assert.Equal([5], SendAll(batch));
        batch.Confirmed(4, multiple: false);

        Assert.True(batch.IsSettled);
        Assert.Equal([1, 3, 5], _report.Confirmed.Order());
        Assert.Equal([2], _report.Refused.Keys); // and the fourth, which waits behind it, is neither
    }

    [Fact]
    public void One_event_under_two_types_is_two_messages()
    {
        OutboxRow[] rows = [Row(1, "a"), Row(2, "b") with { EventId = Row(1, "a").EventId, Type = "type.v2" }];
        var batch = new PublishBatch(rows, 1, _report);
        while (batch.TryTake(out var index))
        {
            batch.Sending(index, null);
        }

        batch.Returned("type.v2", rows[0].EventId);
        batch.Confirmed(2, multiple: true);

        Assert.Equal([1], _report.Confirmed);
        Assert.Equal([2], _report.Refused.Keys);
    }

    [Fact]
    public void Confirms_after_the_channel_closed_settle_nothing()
    {
        var batch = Batch(firstTag: 1, "a");
        SendAll(batch);

        batch.Close();
        batch.Confirmed(1, multiple: false);

        Assert.Empty(_report.Confirmed);
        Assert.True(batch.ChangeAsync().IsCompleted);
    }

    private static OutboxRow Row(long seq, string stream) =>
        new(seq, new Guid((int)seq, 0, 0, new byte[8]), stream, 0, "type", "{}", []);

    private static List<long> SendAll(PublishBatch batch)
    {
        List<long> sent = [];
        while (batch.TryTake(out var index))
        {
            batch.Sending(index, null);
            sent.Add(index + 1);
        }

        return sent;
    }

    private PublishBatch Batch(ulong firstTag, params string[] streams) =>
        new([.. streams.Select((stream, i) => Row(i + 1, stream))], firstTag, _report);
}
