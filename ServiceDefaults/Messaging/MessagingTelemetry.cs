using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>The meter and the activity source of outbox, relay and inbox.</summary>
internal static class MessagingTelemetry
{
    public const string Name = "Shop.Messaging";

    public static readonly ActivitySource Activities = new(Name);

    private static readonly Meter s_meter = new(Name);

    public static readonly Counter<long> Appended = s_meter.CreateCounter<long>(
        "shop.outbox.appended", "{event}", "Events committed to the outbox.");

    public static readonly Counter<long> Published = s_meter.CreateCounter<long>(
        "shop.relay.published", "{event}", "Events that the broker confirmed as routed.");

    public static readonly Counter<long> Parked = s_meter.CreateCounter<long>(
        "shop.relay.parked", "{event}", "Events set aside because they, or an earlier one of their stream, could not be sent.");

    public static readonly Counter<long> StoredFromLog = s_meter.CreateCounter<long>(
        "shop.relay.stored_from_log", "{event}", "Events moved from the log into the outbox, because they could not be sent or had to wait.");

    public static readonly Counter<long> RelayFailures = s_meter.CreateCounter<long>(
        "shop.relay.failures", "{failure}", "Rounds of the relay that ended in an error and were rolled back.");

    public static readonly Counter<long> Consumed = s_meter.CreateCounter<long>(
        "shop.inbox.consumed", "{event}", "Events whose effects were committed.");

    public static readonly Histogram<int> ConsumedAtOnce = s_meter.CreateHistogram<int>(
        "shop.inbox.batch_size", "{event}", "Events that a batch consumer took in one transaction.");

    public static readonly Counter<long> Deduplicated = s_meter.CreateCounter<long>(
        "shop.inbox.deduplicated", "{event}", "Repeats that were acknowledged without effect.");

    public static readonly Counter<long> RetriedLater = s_meter.CreateCounter<long>(
        "shop.inbox.retried_later", "{event}", "Failed deliveries that come again after a delay.");
}
