namespace Shop.Messaging.Wire;

/// <summary>The names of the AMQP headers.</summary>
internal static class MessageHeaderNames
{
    public const string AggregateId = "aggregate-id";
    public const string AggregateVersion = "aggregate-version";
    public const string CorrelationId = "correlation-id";
    public const string CausationId = "causation-id";
    public const string TraceParent = "traceparent";
    public const string TraceState = "tracestate";
    public const string Baggage = "baggage";

    // CloudEvents 1.0, with the prefix of its AMQP binding: docs/adr/0003.
    public const string CloudEventSpecVersion = "cloudEvents_specversion";
    public const string CloudEventId = "cloudEvents_id";
    public const string CloudEventSource = "cloudEvents_source";
    public const string CloudEventType = "cloudEvents_type";
    public const string CloudEventSubject = "cloudEvents_subject";
    public const string CloudEventTime = "cloudEvents_time";
    public const string CloudEventDataSchema = "cloudEvents_dataschema";
    public const string CloudEventTraceParent = "cloudEvents_traceparent";

    /// <summary>How many delayed retries a message had; absent at first.</summary>
    public const string Retries = "shop-retries";

    /// <summary>When the event was appended; only where its trace is recorded, and not published.</summary>
    public const string AppendedAt = "shop-appended-at";

    /// <summary>When the relay published the event: milliseconds since 1970, as text.</summary>
    public const string PublishedAt = "shop-published-at";

    /// <summary>How many of a sender's headers were left out of a copy, because they were too large or unsafe.</summary>
    public const string Dropped = "shop-headers-dropped";

    // Why a message was dead-lettered, under MassTransit's names, which its tools and dashboards read.
    public const string Reason = "MT-Reason";
    public const string FaultExceptionType = "MT-Fault-ExceptionType";
    public const string FaultMessage = "MT-Fault-Message";
    public const string FaultStackTrace = "MT-Fault-StackTrace";
    public const string FaultConsumerType = "MT-Fault-ConsumerType";
    public const string FaultTimestamp = "MT-Fault-Timestamp";

    /// <summary>MassTransit's header for the parent of the consumer's span.</summary>
    public const string MassTransitActivityId = "MT-Activity-Id";

    /// <summary>Whether a header belongs to Shop or MassTransit: never dropped for its size.</summary>
    public static bool IsReserved(string name) =>
        name.StartsWith("shop-", StringComparison.Ordinal) || name.StartsWith("MT-", StringComparison.Ordinal);

    /// <summary>Whether a header records an operator's decision about a dead letter, which no sender may set.</summary>
    public static bool IsOperatorOnly(string name) =>
        name.StartsWith("shop-discarded-", StringComparison.Ordinal) || name.StartsWith("shop-dead-", StringComparison.Ordinal);
}
