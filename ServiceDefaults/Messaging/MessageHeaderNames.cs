namespace Shop.ServiceDefaults.Messaging;

/// <summary>The names of the AMQP headers beside the body.</summary>
internal static class MessageHeaderNames
{
    public const string AggregateId = "aggregate-id";
    public const string AggregateVersion = "aggregate-version";
    public const string CorrelationId = "correlation-id";
    public const string CausationId = "causation-id";
    public const string TraceParent = "traceparent";
    public const string TraceState = "tracestate";
    public const string Baggage = "baggage";

    /// <summary>How often a message has come back after a delay; absent at first.</summary>
    public const string Retries = "shop-retries";

    /// <summary>Where MassTransit looks for the parent of the consumer's span.</summary>
    public const string MassTransitActivityId = "MT-Activity-Id";
}
