using System.Diagnostics.Metrics;
using Shop.Contracts;
using Shop.Messaging;

namespace Shop.Ordering.Features.AnswerFromInventory;

/// <summary>
/// Tells what came too late, in a metric and in the log. Late is normal, as events overtake each other; a rate that grows is
/// worth a look. An attempt that starts again after a conflict counts again.
/// </summary>
internal sealed partial class LateEvents(IMeterFactory meters, ILogger<LateEvents> logger)
{
    public const string MeterName = "Shop.Ordering";
    public const string CounterName = "shop.ordering.late_events";

    private readonly Counter<long> _late = meters.Create(MeterName).CreateCounter<long>(
        CounterName, "{event}", "Events from Inventory that changed nothing, by event and by why.");

    /// <summary>Counts the event unless the order acted on it.</summary>
    /// <param name="answer">The event.</param>
    /// <param name="acted">What the order made of it; null if there is no such order.</param>
    public void CountUnless(bool? acted, IIntegrationEvent answer)
    {
        if (acted == true)
        {
            return;
        }

        // An OrderPlaced leaves this service only after its order is committed here. So an answer to an order that is not here
        // is about another database (one that was put back from a backup, another environment's broker). No retry will make it
        // apt, and as a dead letter it would wait for a person who could do nothing either; Inventory's reservation expires.
        var why = acted is null ? "unknown-order" : "late";
        var name = ShopEvents.Catalog.NameOf(answer.GetType());
        _late.Add(1, new("event", name), new("why", why));
        LogLate(name, answer.AggregateVersion, answer.AggregateId, why);
    }

    [LoggerMessage(LogLevel.Information, "{Event} of version {Version} for order {OrderId} changes nothing: {Why}.")]
    private partial void LogLate(string @event, int version, string orderId, string why);
}
