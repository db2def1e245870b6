using System.Diagnostics;
using Shop.ServiceDefaults.Messaging.Wire;

namespace Shop.ServiceDefaults.Messaging.Batches;

/// <summary>
/// The traces of a batch. A message alone goes on in its own trace and baggage. A batch has many causes, so it has a trace of its
/// own, and each message has a span in its own trace that is linked to it: around its own effects where the consumer tells them
/// apart, else as long as the batch.
/// </summary>
internal sealed class BatchSpan : IDisposable
{
    private readonly string _queue;
    private readonly IReadOnlyList<Delivery> _deliveries;
    private readonly Activity? _activity;
    private readonly HashSet<Delivery> _begun = [];

    private BatchSpan(string queue, IReadOnlyList<Delivery> deliveries, Activity? activity) =>
        (_queue, _deliveries, _activity) = (queue, deliveries, activity);

    public static BatchSpan Start(string queue, IReadOnlyList<Delivery> deliveries)
    {
        if (!MessagingTelemetry.Activities.HasListeners())
        {
            return new BatchSpan(queue, deliveries, null);
        }

        Activity.Current = null;
        if (deliveries.Count > 1)
        {
            var batch = MessagingTelemetry.Activities.StartActivity($"{queue} process batch", ActivityKind.Consumer);
            batch?.SetTag("messaging.batch.message_count", deliveries.Count);
            return new BatchSpan(queue, deliveries, batch);
        }

        var alone = MessagingTelemetry.Activities.StartActivity($"{queue} process", ActivityKind.Consumer, ContextOf(deliveries[0]));
        W3CBaggage.Restore(alone, deliveries[0].Header(MessageHeaderNames.Baggage));
        Describe(alone, queue, deliveries[0]);
        return new BatchSpan(queue, deliveries, alone);
    }

    /// <summary>Goes on in the trace of one of the messages, until what it returns is disposed.</summary>
    public Activity? Begin(Delivery delivery)
    {
        if (_activity is null || _deliveries.Count == 1)
        {
            return null;
        }

        _begun.Add(delivery);
        var one = MessagingTelemetry.Activities.StartActivity(
            $"{_queue} process", ActivityKind.Consumer, ContextOf(delivery), links: [new(_activity.Context)]);
        W3CBaggage.Restore(one, delivery.Header(MessageHeaderNames.Baggage));
        Describe(one, _queue, delivery);
        return one;
    }

    public void Fail(Exception e) => _activity?.SetStatus(ActivityStatusCode.Error, e.Message);

    public void Dispose()
    {
        if (_activity is null)
        {
            return;
        }

        _activity.Stop();
        if (_deliveries.Count > 1)
        {
            ActivityLink[] toBatch = [new(_activity.Context)];
            foreach (var delivery in _deliveries.Where(delivery => !_begun.Contains(delivery)))
            {
                var one = MessagingTelemetry.Activities.StartActivity(
                    $"{_queue} process", ActivityKind.Consumer, ContextOf(delivery), links: toBatch, startTime: _activity.StartTimeUtc);
                Describe(one, _queue, delivery);
                one?.SetStatus(_activity.Status, _activity.StatusDescription);
                one?.SetEndTime(_activity.StartTimeUtc + _activity.Duration);
                one?.Stop();
            }
        }

        _activity.Dispose();
    }

    private static ActivityContext ContextOf(Delivery delivery) => ActivityContext.TryParse(
        delivery.Header(MessageHeaderNames.TraceParent), delivery.Header(MessageHeaderNames.TraceState), isRemote: true, out var context)
        ? context
        : default;

    private static void Describe(Activity? span, string queue, Delivery delivery) => span?
        .SetTag("messaging.system", "rabbitmq")
        .SetTag("messaging.operation.type", "process")
        .SetTag("messaging.destination.name", queue)
        .SetTag("messaging.message.id", delivery.EventId);
}
