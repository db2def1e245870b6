using Shop.Messaging;

namespace Shop.Contracts.Inventory.V1;

/// <summary>Stock was reserved for every line of an order.</summary>
/// <param name="EventId">Redeliveries have the same id.</param>
/// <param name="OccurredAt">When it was reserved, UTC.</param>
/// <param name="OrderId">The order; a reservation has its order's id.</param>
/// <param name="ReservationVersion">The reservation's version after this fact, from 1.</param>
/// <param name="Lines">What was reserved: every line of the order.</param>
/// <param name="ExpiresAt">When the reservation expires if the order is not shipped, UTC; null from older publishers.</param>
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
