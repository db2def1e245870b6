using System.Diagnostics;
using Shop.Messaging.RabbitMq;
using Shop.Messaging.Relay;

namespace Shop.Messaging.Units.Tests;

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
        batch.Confirmed(13, multiple: false); // the next tag
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

    [Fact]
    public void A_rejected_row_has_its_reason()
    {
        var batch = Batch(firstTag: 1, "a", "b", "c");
        batch.Refuse(2, "too large");
        SendAll(batch);

        batch.Returned("type", Row(1, "a").EventId);
        batch.Confirmed(1, multiple: false);
        batch.Nacked(2, multiple: false);

        Assert.Equal([(1, "no queue is bound to its exchange (returned)"), (2, "rejected by the broker (nack)"), (3, "too large")],
            _report.Refused.OrderBy(refused => refused.Key).Select(refused => (refused.Key, refused.Value)));
    }

    [Fact]
    public void Tags_are_consecutive_and_a_batch_is_settled_when_no_row_is_unconfirmed_or_ready()
    {
        var batch = Batch(firstTag: 5, "a", "a");
        Assert.Equal(5UL, batch.NextTag);
        Assert.False(batch.IsSettled);

        Assert.True(batch.TryTake(out var index));
        Assert.False(batch.TryTake(out _));
        Assert.Equal(0, index);
        batch.Sending(index, null);
        Assert.Equal(6UL, batch.NextTag);
        Assert.False(batch.IsSettled);
        batch.Confirmed(5, multiple: false);
        Assert.False(batch.IsSettled);
        batch.Confirmed(5, multiple: false); // once more: it is settled already
        Assert.Equal([2], SendAll(batch));
        batch.Nacked(6, multiple: false);
        batch.Confirmed(6, multiple: false);

        Assert.True(batch.IsSettled);
        Assert.Equal([1], _report.Confirmed);
        Assert.Equal([2], _report.Refused.Keys);
    }

    [Fact]
    public void A_return_applies_to_the_first_unsettled_row_of_that_event_and_type()
    {
        OutboxRow[] rows = [Row(1, "a"), Row(2, "b") with { EventId = Row(1, "a").EventId }, Row(3, "c") with { EventId = Row(1, "a").EventId }];
        var batch = new PublishBatch(rows, 1, _report);
        SendAll(batch);

        batch.Confirmed(1, multiple: false);
        batch.Returned("other", rows[0].EventId);
        batch.Returned("type", rows[0].EventId);
        batch.Returned("type", rows[0].EventId);
        batch.Confirmed(3, multiple: true);

        Assert.Equal([1], _report.Confirmed);
        Assert.Equal([2, 3], _report.Refused.Keys.Order());
    }

    [Fact]
    public async Task A_waiter_is_signalled_by_a_ready_row_by_the_last_confirm_and_by_the_close()
    {
        var batch = Batch(firstTag: 1, "a", "a", "b");
        Assert.True(batch.ChangeAsync().IsCompleted); // there are rows to send
        SendAll(batch);

        var waiting = batch.ChangeAsync();
        Assert.False(waiting.IsCompleted);
        batch.Confirmed(2, multiple: false);
        Assert.False(waiting.IsCompleted); // another is out, and none is ready
        batch.Confirmed(1, multiple: false);
        await waiting;
        SendAll(batch);

        var last = batch.ChangeAsync();
        batch.Nacked(3, multiple: false);
        await last;
        Assert.True(batch.ChangeAsync().IsCompleted);

        var closed = Batch(firstTag: 1, "a");
        SendAll(closed);
        var end = closed.ChangeAsync();
        closed.Close();
        await end;
        closed.Returned("type", Row(1, "a").EventId);
        Assert.False(Batch(firstTag: 1, "a", "b").IsSettled);
    }

    [Fact]
    public void After_the_close_no_row_is_taken()
    {
        var batch = Batch(firstTag: 1, "a", "b");

        batch.Close();

        Assert.False(batch.TryTake(out var index));
        Assert.Equal(-1, index);
    }

    [Fact]
    public void A_span_ends_when_its_row_is_settled_with_the_error()
    {
        var batch = Batch(firstTag: 1, "a", "b", "c");
        Activity[] spans = [new Activity("1").Start(), new Activity("2").Start(), new Activity("3").Start()];
        while (batch.TryTake(out var index))
        {
            batch.Sending(index, spans[index]);
        }

        Assert.All(spans, span => Assert.False(span.IsStopped));
        batch.Confirmed(1, multiple: false);
        batch.Nacked(2, multiple: false);
        Assert.False(spans[2].IsStopped);
        batch.Close();

        Assert.All(spans, span => Assert.True(span.IsStopped));
        Assert.Equal([(ActivityStatusCode.Unset, null), (ActivityStatusCode.Error, "refused"), (ActivityStatusCode.Error, "the channel was closed")],
            spans.Select(span => (span.Status, (string?)span.GetTagItem("error.type"))));
        Assert.Equal([null, "refused", "the channel was closed"], spans.Select(span => span.StatusDescription));
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
