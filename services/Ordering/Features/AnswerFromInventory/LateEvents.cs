using System.Diagnostics.Metrics;
using Shop.Contracts;
using Shop.Messaging;

namespace Shop.Ordering.Features.AnswerFromInventory;

/// <summary>
/// Counts and logs late events. Some are normal, as events overtake each other; a growing rate is
/// worth investigating. A retry after a concurrency conflict counts again.
/// </summary>
internal sealed partial class LateEvents(IMeterFactory meters, ILogger<LateEvents> logger)
{
    public const string MeterName = "Shop.Ordering";
    public const string CounterName = "shop.ordering.late_events";

    private readonly Counter<long> _late = meters.Create(MeterName).CreateCounter<long>(
        CounterName, "{event}", "Events from Inventory that were ignored, by event and reason.");

    /// <summary>Counts the event unless the order applied on it.</summary>
    /// <param name="answer">The event.</param>
    /// <param name="applied">Whether the order applied it; null if there is no such order.</param>
    public void CountUnlessApplied(bool? applied, IIntegrationEvent answer)
    {
        if (applied == true)
        {
            return;
        }

        // OrderPlaced is published only after its order is committed here. So an answer to an unknown order
        // belongs to another database (restored from a backup, or another environment's broker). No retry would
        // help, and neither would an operator with a dead letter; Inventory's reservation expires.
        var why = applied is null ? "unknown-order" : "late";
        var name = ShopEvents.Catalog.NameOf(answer.GetType());
        _late.Add(1, new("event", name), new("why", why));
        LogLate(name, answer.AggregateVersion, answer.AggregateId, why);
    }

    [LoggerMessage(LogLevel.Information, "{Event} of version {Version} for order {OrderId} ignored: {Why}")]
    private partial void LogLate(string @event, int version, string orderId, string why);
}
