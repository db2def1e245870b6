using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Shop.Messaging.Telemetry;

/// <summary>The meter and the activity source of outbox, relay and inbox.</summary>
internal static class MessagingTelemetry
{
    public const string Name = "Shop.Messaging";

    public static readonly ActivitySource Activities = new(Name);

    private static readonly Meter s_meter = new(Name);

    /// <summary>From a millisecond to the longest waits; the defaults are for milliseconds.</summary>
    private static readonly InstrumentAdvice<double> s_seconds = new()
    {
        HistogramBucketBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
    };

    public static readonly Counter<long> Appended = s_meter.CreateCounter<long>(
        "shop.outbox.appended", "{event}", "Events committed to the outbox.");

    public static readonly Counter<long> Published = s_meter.CreateCounter<long>(
        "shop.relay.published", "{event}", "Events that the broker confirmed as routed.");

    public static readonly Counter<long> Parked = s_meter.CreateCounter<long>(
        "shop.relay.parked", "{event}", "Events parked because they, or an earlier one of their stream, could not be published.");

    public static readonly Counter<long> StoredFromLog = s_meter.CreateCounter<long>(
        "shop.relay.stored_from_log", "{event}", "Events moved from the log to the outbox table, because they could not be published or had to wait.");

    public static readonly Counter<long> RelayFailures = s_meter.CreateCounter<long>(
        "shop.relay.failures", "{failure}", "Relay rounds that failed and were rolled back.");

    public static readonly Counter<long> Consumed = s_meter.CreateCounter<long>(
        "shop.inbox.consumed", "{event}", "Events whose effects were committed.");

    public static readonly Histogram<int> BatchSize = s_meter.CreateHistogram(
        "shop.inbox.batch_size", "{event}", "Events that a batch consumer processed in one transaction.",
        advice: new InstrumentAdvice<int> { HistogramBucketBoundaries = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000] });

    public static readonly Histogram<double> ProcessDuration = s_meter.CreateHistogram("messaging.process.duration", "s",
        "From the receipt of a message, or of a batch of them, to its commit or its failure.", advice: s_seconds);

    public static readonly Histogram<double> OutboxDelay = s_meter.CreateHistogram("shop.outbox.delay", "s",
        "From the creation of an event to the broker's confirm.", advice: s_seconds);

    public static readonly Counter<long> Deduplicated = s_meter.CreateCounter<long>(
        "shop.inbox.deduplicated", "{event}", "Duplicates that were acknowledged without being processed again.");

    public static readonly Counter<long> RetriedLater = s_meter.CreateCounter<long>(
        "shop.inbox.retried_later", "{event}", "Failed deliveries that are redelivered after a delay.");

    /// <summary>The attributes of <see cref="ProcessDuration"/>, by OpenTelemetry's semantic conventions.</summary>
    public static TagList ProcessedFrom(string queue, Exception? failure = null)
    {
        TagList tags = new()
        {
            { "messaging.system", "rabbitmq" },
            { "messaging.operation.name", "process" },
            { "messaging.destination.name", queue },
        };
        if (failure is not null)
        {
            tags.Add("error.type", failure.GetType().FullName);
        }

        return tags;
    }
}
