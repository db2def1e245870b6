using System.Diagnostics;
using RabbitMQ.Client;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Telemetry;

/// <summary>What a span of a received message needs to know of it.</summary>
/// <param name="Type">The event's wire name.</param>
/// <param name="EventId">The event.</param>
/// <param name="CorrelationId">What the events of the whole story share.</param>
/// <param name="TraceParent">The header; null where there is none.</param>
/// <param name="TraceState">The header; null where there is none.</param>
/// <param name="Baggage">The header; null where there is none.</param>
internal readonly record struct ReceivedMessage(
    string Type, Guid EventId, Guid CorrelationId, string? TraceParent, string? TraceState, string? Baggage)
{
    /// <summary>The span that published it; none where the header does not say.</summary>
    public ActivityContext Cause => ActivityContext.TryParse(TraceParent, TraceState, isRemote: true, out var cause) ? cause : default;
}

/// <summary>
/// The spans of messaging, named and described as OpenTelemetry's semantic conventions for messaging and RabbitMQ have it
/// (https://opentelemetry.io/docs/specs/semconv/messaging/). What they have no word for begins with <c>shop.</c>
/// </summary>
internal sealed class MessagingSpans(MessagingSettings settings)
{
    /// <summary>Whether the inbox absorbed the message, because its event was processed before.</summary>
    public const string Duplicate = "shop.inbox.duplicate";

    private const int MaxReason = 1_000;
    private const int MaxId = 200;

    private static ActivitySource Activities => MessagingTelemetry.Activities;

    /// <summary>The time between a commit and now, in which an event waited for the relay.</summary>
    public static void Waited(ActivityContext cause, string type, Guid eventId, DateTimeOffset since, DateTimeOffset until)
    {
        var span = Activities.StartActivity($"outbox {type}", ActivityKind.Internal, cause, startTime: since);
        span?.SetTag("messaging.message.id", eventId.ToString());
        span?.SetEndTime(until.UtcDateTime);
        span?.Stop();
    }

    /// <summary>From the sending to the broker's confirm. It is not the current one: it ends elsewhere.</summary>
    public Activity? Publish(ActivityContext cause, string type, Guid eventId, string? correlationId)
    {
        var current = Activity.Current;
        var span = Activities.StartActivity($"publish {type}", ActivityKind.Producer, cause);
        Describe(span, "publish", "send", type)?
            .SetTag("messaging.message.id", eventId.ToString())
            .SetTag("messaging.message.conversation_id", correlationId);
        Activity.Current = current;
        return span;
    }

    /// <summary>
    /// The processing of one message, in its trace and with its baggage. Where nobody listens it is an activity that no one records:
    /// the trace goes on all the same.
    /// </summary>
    public Activity Process(in ReceivedMessage message, string queue, Activity? batch = null, DateTimeOffset since = default)
    {
        var destination = $"{message.Type}:{queue}";
        var span = Activities.StartActivity($"process {destination}", ActivityKind.Consumer, message.Cause,
            links: batch is null ? null : [new(batch.Context)], startTime: since) ?? Carry(message.Cause);
        W3CBaggage.Restore(span, message.Baggage);
        if (span.IsAllDataRequested)
        {
            Describe(span, "process", "process", destination)!
                .SetTag("messaging.message.id", message.EventId.ToString())
                .SetTag("messaging.message.conversation_id", message.CorrelationId.ToString());
        }

        return span;
    }

    /// <summary>
    /// The processing of many messages in one transaction. It has many causes, and so a trace of its own with a link to each; only where
    /// all of them are of one trace, such as the versions of one event, it is part of that.
    /// </summary>
    public Activity? ProcessBatch(IReadOnlyList<ReceivedMessage> messages, string queue)
    {
        var first = messages[0].Cause;
        var span = Activities.StartActivity($"process batch {queue}", ActivityKind.Consumer,
            messages.All(message => message.Cause.TraceId == first.TraceId) ? first : default,
            links: messages.Select(message => message.Cause).Where(cause => cause != default).Select(cause => new ActivityLink(cause)));
        Describe(span, "process", "process", queue)?.SetTag("messaging.batch.message_count", messages.Count);
        return span;
    }

    /// <summary>
    /// A message that came to no consumer, because it cannot be read or none subscribes to it: nothing of it is known but its properties,
    /// which a stranger may have written.
    /// </summary>
    public Activity? ProcessUnread(IReadOnlyBasicProperties properties, string queue, Exception failure)
    {
        var (parent, state) = (Untrusted.Text(properties.Headers, MessageHeaderNames.TraceParent), Untrusted.Text(properties.Headers, MessageHeaderNames.TraceState));
        var span = Activities.StartActivity($"process {queue}", ActivityKind.Consumer, ActivityContext.TryParse(parent, state, isRemote: true, out var cause) ? cause : default);
        Describe(span, "process", "process", queue)?
            .SetTag("messaging.message.id", Shown(properties.MessageId))
            .SetTag("messaging.message.conversation_id", Shown(properties.CorrelationId));
        if (span is not null)
        {
            Fail(span, failure);
        }

        return span;

        static string? Shown(string? text) => text is null ? null : Untrusted.Shown(text, MaxId);
    }

    /// <summary>
    /// Says why it failed, and ends it here, whenever it is stopped. No more of the reason than fits, because a consumer's exception may say
    /// as much as it likes.
    /// </summary>
    public static void Fail(Activity span, Exception e) => span
        .SetStatus(ActivityStatusCode.Error, Untrusted.Shown(e.Message, MaxReason))
        .SetTag("error.type", e.GetType().FullName)
        .SetEndTime(TimeProvider.System.GetUtcNow().UtcDateTime); // the clock that its start is from

    /// <summary>Says what becomes of a message that failed: which retry it waits for, from 1, or 0 for a dead letter.</summary>
    public static void Settle(Activity span, int retry, string reason) => span
        .SetTag("shop.outcome", retry > 0 ? "retried later" : "dead-lettered")
        .SetTag("shop.outcome.reason", Untrusted.Shown(reason, MaxReason))
        .SetTag("shop.retry", retry > 0 ? retry : null);

    private Activity? Describe(Activity? span, string operation, string type, string destination) => span?
        .SetTag("messaging.system", "rabbitmq")
        .SetTag("messaging.operation.name", operation)
        .SetTag("messaging.operation.type", type)
        .SetTag("messaging.destination.name", destination)
        .SetTag("server.address", settings.Broker.Host)
        .SetTag("server.port", settings.Broker.Port);

    private static Activity Carry(ActivityContext cause)
    {
        var carrier = new Activity("process");
        if (cause != default)
        {
            carrier.SetParentId(cause.TraceId, cause.SpanId, cause.TraceFlags);
            carrier.TraceStateString = cause.TraceState;
        }

        return carrier.Start();
    }
}
