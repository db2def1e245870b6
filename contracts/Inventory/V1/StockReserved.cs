using Shop.Messaging;

namespace Shop.Contracts.Inventory.V1;

/// <summary>Stock is set aside for every line of an order.</summary>
/// <param name="EventId">Repeats carry the same id.</param>
/// <param name="OccurredAt">When it was set aside, UTC.</param>
/// <param name="OrderId">The order; a reservation has its order's id.</param>
/// <param name="ReservationVersion">The reservation's version after this fact, from 1.</param>
/// <param name="Lines">What was set aside: every line of the order.</param>
/// <param name="ExpiresAt">Until when it stays set aside if the order is not shipped, UTC; null from a producer that does not say.</param>
[EventName("inventory.stock-reserved.v1")]
public sealed record StockReserved(
    Guid EventId,
    DateTimeOffset OccurredAt,
    Guid OrderId,
    [AtLeast(1)] int ReservationVersion,
    [NotEmpty] IReadOnlyList<StockReserved.Line> Lines,
    DateTimeOffset? ExpiresAt = null) : IIntegrationEvent
{
    string IIntegrationEvent.AggregateId => OrderId.ToString();
    int IIntegrationEvent.AggregateVersion => ReservationVersion;

    /// <summary>Units of one product.</summary>
    /// <param name="Sku">The product.</param>
    /// <param name="Quantity">Units, at least 1.</param>
    public sealed record Line([NotEmpty] string Sku, [AtLeast(1)] int Quantity);
}
