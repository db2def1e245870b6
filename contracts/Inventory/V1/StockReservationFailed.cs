using Shop.Messaging;

namespace Shop.Contracts.Inventory.V1;

/// <summary>At least one line of an order is short of stock, so nothing is reserved for it.</summary>
/// <param name="EventId">Redeliveries have the same id.</param>
/// <param name="OccurredAt">When it was decided, UTC.</param>
/// <param name="OrderId">The order.</param>
/// <param name="ReservationVersion">The reservation's version after this fact, from 1.</param>
/// <param name="ShortLines">Each line that is short, at least one.</param>
[EventName("inventory.stock-reservation-failed.v1")]
public sealed record StockReservationFailed(
    Guid EventId,
    DateTimeOffset OccurredAt,
    Guid OrderId,
    [AtLeast(1)] int ReservationVersion,
    [NotEmpty] IReadOnlyList<StockReservationFailed.ShortLine> ShortLines) : IIntegrationEvent
{
    string IIntegrationEvent.AggregateId => OrderId.ToString();
    int IIntegrationEvent.AggregateVersion => ReservationVersion;

    /// <summary>A line that is short of stock.</summary>
    /// <param name="Sku">The product.</param>
    /// <param name="Asked">Units ordered, at least 1.</param>
    /// <param name="Available">Units available, less than ordered; 0 for an unknown sku.</param>
    public sealed record ShortLine([NotEmpty] string Sku, [AtLeast(1)] int Asked, [AtLeast(0)] int Available);
}
