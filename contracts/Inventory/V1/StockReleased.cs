using Shop.Messaging;

namespace Shop.Contracts.Inventory.V1;

/// <summary>The stock reserved for an order was released.</summary>
/// <param name="EventId">Redeliveries have the same id.</param>
/// <param name="OccurredAt">When it was released, UTC.</param>
/// <param name="OrderId">The order.</param>
/// <param name="ReservationVersion">The reservation's version after this fact.</param>
/// <param name="Lines">What was released.</param>
[EventName("inventory.stock-released.v1")]
public sealed record StockReleased(
    Guid EventId,
    DateTimeOffset OccurredAt,
    Guid OrderId,
    [AtLeast(1)] int ReservationVersion,
    [NotEmpty] IReadOnlyList<StockReleased.Line> Lines) : IIntegrationEvent
{
    string IIntegrationEvent.AggregateId => OrderId.ToString();
    int IIntegrationEvent.AggregateVersion => ReservationVersion;

    /// <summary>Units of one product.</summary>
    /// <param name="Sku">The product.</param>
    /// <param name="Quantity">Units, at least 1.</param>
    public sealed record Line([NotEmpty] string Sku, [AtLeast(1)] int Quantity);
}
