using System.Diagnostics;
using Shop.Messaging.Telemetry;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Consuming;

/// <summary>
/// The spans of one attempt. A message alone continues its own trace and baggage. A batch has many causes, so it has a trace of its
/// own, and each message has a span in its own trace that is linked to it: around its own handler where there is one, else as
/// long as the batch.
/// </summary>
internal sealed class DeliverySpans : IDisposable
{
    private readonly MessagingSpans _spans;
    private readonly string _queue;
    private readonly IReadOnlyList<Delivery> _deliveries;
    private readonly Activity? _activity;
    private readonly HashSet<Delivery> _begun = [];
    private readonly HashSet<Delivery> _duplicates = [];

    private DeliverySpans(MessagingSpans spans, string queue, IReadOnlyList<Delivery> deliveries)
    {
        (_spans, _queue, _deliveries) = (spans, queue, deliveries);
        System.Diagnostics.Activity.Current = null;
        if (deliveries.Count == 1)
        {
            _activity = spans.Process(MessageOf(deliveries[0]), queue);
        }
        else if (MessagingTelemetry.Activities.HasListeners())
        {
            _activity = spans.ProcessBatch([.. deliveries.Select(MessageOf)], queue);
        }
    }

    public static DeliverySpans Start(MessagingSpans spans, string queue, IReadOnlyList<Delivery> deliveries) => new(spans, queue, deliveries);

    /// <summary>The span of the single message or of the batch; null where nothing is recorded.</summary>
    public Activity? Activity => _activity;

    /// <summary>Starts the span of one message of the batch.</summary>
    public Activity? Begin(Delivery delivery)
    {
        if (_deliveries.Count == 1)
        {
            return null;
        }

        _begun.Add(delivery);
        return _spans.Process(MessageOf(delivery), _queue, _activity);
    }

    /// <summary>Marks a message whose event was already processed.</summary>
    public void MarkDuplicate(Delivery delivery)
    {
        _duplicates.Add(delivery);
        if (_deliveries.Count == 1)
        {
            _activity?.SetTag(MessagingSpans.Duplicate, true);
        }
    }

    public void Fail(Exception e)
    {
        if (_activity is not null)
        {
            MessagingSpans.Fail(_activity, e);
        }
    }

    public void Dispose()
    {
        _activity?.Stop();
        if (_activity is { IsAllDataRequested: true } && _deliveries.Count > 1)
        {
            foreach (var delivery in _deliveries.Where(delivery => !_begun.Contains(delivery)))
            {
                var one = _spans.Process(MessageOf(delivery), _queue, _activity, _activity.StartTimeUtc);
                one.SetStatus(_activity.Status, _activity.StatusDescription).SetTag("error.type", _activity.GetTagItem("error.type"));
                one.SetTag(MessagingSpans.Duplicate, _duplicates.Contains(delivery) ? true : null);
                one.SetEndTime(_activity.StartTimeUtc + _activity.Duration);
                one.Stop();
            }
        }

        _activity?.Dispose();
    }

    private static ReceivedMessage MessageOf(Delivery delivery) => new(
        delivery.Type, delivery.EventId, delivery.CorrelationId, delivery.Header(MessageHeaderNames.TraceParent),
        delivery.Header(MessageHeaderNames.TraceState), delivery.Header(MessageHeaderNames.Baggage));
}
