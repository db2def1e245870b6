using System.Diagnostics;
using RabbitMQ.Client;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Telemetry;

/// <summary>The attributes of a received message for its span.</summary>
/// <param name="Type">The event's wire name.</param>
/// <param name="EventId">The event.</param>
/// <param name="CorrelationId">Shared by all events of one conversation.</param>
/// <param name="TraceParent">The header; null where there is none.</param>
/// <param name="TraceState">The header; null where there is none.</param>
/// <param name="Baggage">The header; null where there is none.</param>
internal readonly record struct ReceivedMessage(
    string Type, Guid EventId, Guid CorrelationId, string? TraceParent, string? TraceState, string? Baggage)
{
    /// <summary>The span that published it, from the header; default where there is none.</summary>
    public ActivityContext Cause => ActivityContext.TryParse(TraceParent, TraceState, isRemote: true, out var cause) ? cause : default;
}

/// <summary>
/// The spans of messaging, by OpenTelemetry's semantic conventions for messaging and RabbitMQ
/// (https://opentelemetry.io/docs/specs/semconv/messaging/). Other attributes begin with <c>shop.</c>
/// </summary>
internal sealed class MessagingSpans(MessagingSettings settings)
{
    /// <summary>Whether the message was a duplicate: its event was already processed.</summary>
    public const string Duplicate = "shop.inbox.duplicate";

    private const int MaxReason = 1_000;
    private const int MaxId = 200;

    private static ActivitySource Activities => MessagingTelemetry.Activities;

    /// <summary>The time from a commit until now, for which an event waited for the relay.</summary>
    public static void Waited(ActivityContext cause, string type, Guid eventId, DateTimeOffset since, DateTimeOffset until)
    {
        var span = Activities.StartActivity($"outbox {type}", ActivityKind.Internal, cause, startTime: since);
        span?.SetTag("messaging.message.id", eventId.ToString());
        span?.SetEndTime(until.UtcDateTime);
        span?.Stop();
    }

    /// <summary>From the publish to the broker's confirm. It does not become the current activity: the channel's callback ends it.</summary>
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
    /// The processing of one message, in its trace and with its baggage. Without a listener it is an unrecorded activity:
    /// the trace context is still propagated.
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
    /// The processing of many messages in one transaction: a trace of its own with a link to each message; only where
    /// all of them belong to one trace, such as the versions of one event, it is part of that trace.
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
    /// A message that no consumer was called for, because it is malformed or not subscribed to. Only its properties are known,
    /// which are untrusted.
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

        static string? Shown(string? text) => text is null ? null : Untrusted.Sanitize(text, MaxId);
    }

    /// <summary>
    /// Sets the error and the end time. The reason is truncated, because a consumer's exception message may have
    /// any length.
    /// </summary>
    public static void Fail(Activity span, Exception e) => span
        .SetStatus(ActivityStatusCode.Error, Untrusted.Sanitize(e.Message, MaxReason))
        .SetTag("error.type", e.GetType().FullName)
        .SetEndTime(TimeProvider.System.GetUtcNow().UtcDateTime); // the clock of its start time

    /// <summary>Sets the outcome of a failed message: the number of the retry, from 1, or 0 for a dead letter.</summary>
    public static void Settle(Activity span, int retry, string reason) => span
        .SetTag("shop.outcome", retry > 0 ? "retried later" : "dead-lettered")
        .SetTag("shop.outcome.reason", Untrusted.Sanitize(reason, MaxReason))
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
