using System.Diagnostics;
using Shop.Contracts;
using Shop.Messaging;
using Shop.Messaging.DomainEvents;
using Shop.Ordering.Domain;
using Shop.ServiceDefaults.Domain;
using V1 = Shop.Contracts.Ordering.V1;
using V2 = Shop.Contracts.Ordering.V2;

namespace Shop.Ordering;

/// <summary>Every integration event that Ordering publishes. Called while saving, so the message commits with the change.</summary>
internal static class PublishedEvents
{
    public static IEnumerable<IIntegrationEvent> From(IReadOnlyList<DomainEvent> events)
    {
        var lines = events.OfType<OrderLineAdded>().ToLookup(line => line.OrderId);
        return events.Select(e => For(e, lines)).OfType<IIntegrationEvent>();
    }

    private static IIntegrationEvent? For(DomainEvent domainEvent, ILookup<Guid, OrderLineAdded> lines) => domainEvent switch
    {
        OrderPlaced e => new V2.OrderPlaced(e.EventId, e.At, e.OrderId, e.OrderVersion, e.CustomerId, // version 1 is published too, while it is consumed
            [.. lines[e.OrderId].Select(line => new V2.OrderPlaced.Line(line.Sku, line.Quantity, new Money(line.UnitPrice, e.Currency)))],
            new Money(e.Discount, e.Currency), new Money(e.Total, e.Currency), e.Channel),
        OrderLineAdded => null, // folded into its order's OrderPlaced
        OrderStatusChanged => null, // private, for history and streams: each transition has its own integration event
        OrderConfirmed e => new V1.OrderConfirmed(e.EventId, e.At, e.OrderId, e.OrderVersion, e.CustomerId,
            [.. e.Lines.Select(line => new V1.OrderConfirmed.Line(line.Sku, line.Quantity, line.UnitPrice))], e.Total, e.Currency),
        OrderRejected e => new V1.OrderRejected(e.EventId, e.At, e.OrderId, e.OrderVersion, e.CustomerId, e.Reason,
            [.. e.ShortLines.Select(line => new V1.OrderRejected.ShortLine(line.Sku, line.Asked, line.Available))]),
        OrderCancelled e => new V1.OrderCancelled(e.EventId, e.At, e.OrderId, e.OrderVersion, e.CustomerId, e.Reason,
            e.WasConfirmed, e.Total, e.Currency),
        OrderShipped e => new V1.OrderShipped(e.EventId, e.At, e.OrderId, e.OrderVersion, e.CustomerId),
        CustomerBecamePreferred e => new V1.CustomerBecamePreferred(e.EventId, e.At, e.CustomerId, e.CustomerVersion),
        _ => throw new UnreachableException($"Decide in PublishedEvents whether {domainEvent.GetType().Name} is published."),
    };
}
