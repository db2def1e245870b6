using System.Diagnostics;
using Shop.Inventory.Domain;
using Shop.Messaging;
using Shop.Messaging.DomainEvents;
using Shop.ServiceDefaults.Domain;
using V1 = Shop.Contracts.Inventory.V1;

namespace Shop.Inventory;

/// <summary>Every integration event that Inventory publishes. Called while saving, so the message commits with the change.</summary>
internal static class PublishedEvents
{
    public static IEnumerable<IIntegrationEvent> From(IReadOnlyList<DomainEvent> events) =>
        events.Select(For).OfType<IIntegrationEvent>();

    private static IIntegrationEvent? For(DomainEvent domainEvent) => domainEvent switch
    {
        ProductListed e => new V1.ProductListed(e.EventId, e.At, e.Sku, e.ProductVersion, e.Name, e.UnitPrice, e.Currency),
        ProductPriceChanged e => new V1.ProductPriceChanged(e.EventId, e.At, e.Sku, e.ProductVersion, e.UnitPrice, e.Currency),
        StockReceived e => new V1.StockReplenished(e.EventId, e.At, e.Sku, e.ProductVersion, e.Quantity, e.OnHand),
        StockReserved e => new V1.StockReserved(e.EventId, e.At, e.OrderId, e.ReservationVersion,
            [.. e.Lines.Select(line => new V1.StockReserved.Line(line.Sku, line.Quantity))], e.ExpiresAt),
        StockReservationFailed e => new V1.StockReservationFailed(e.EventId, e.At, e.OrderId, e.ReservationVersion,
            [.. e.ShortLines.Select(line => new V1.StockReservationFailed.ShortLine(line.Sku, line.Asked, line.Available))]),
        StockReleased e => new V1.StockReleased(e.EventId, e.At, e.OrderId, e.ReservationVersion,
            [.. e.Lines.Select(line => new V1.StockReleased.Line(line.Sku, line.Quantity))]),
        StockReservationExpired e => new V1.StockReservationExpired(e.EventId, e.At, e.OrderId, e.ReservationVersion,
            [.. e.Lines.Select(line => new V1.StockReservationExpired.Line(line.Sku, line.Quantity))]),
        StockLevelLow e => new V1.StockLevelLow(e.EventId, e.At, e.Sku, e.ProductVersion, e.OnHand, e.Threshold),
        StockAdjusted => null, // private to the warehouse; low stock is published as StockLevelLow
        StockShipped => null, // Ordering's OrderShipped has been published already
        _ => throw new UnreachableException($"Decide in PublishedEvents whether {domainEvent.GetType().Name} is published."),
    };
}
