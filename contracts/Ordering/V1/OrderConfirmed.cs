using Shop.Messaging;

namespace Shop.Contracts.Ordering.V1;

/// <summary>Stock is reserved for the whole order; it will be shipped unless it is cancelled.</summary>
/// <param name="EventId">Redeliveries have the same id.</param>
/// <param name="OccurredAt">When the order was confirmed, UTC.</param>
/// <param name="OrderId">The order.</param>
/// <param name="OrderVersion">The order's version after this fact.</param>
/// <param name="CustomerId">Who placed it.</param>
/// <param name="Lines">At least one; each sku appears once.</param>
/// <param name="Total">What the customer pays, in <paramref name="Currency"/>.</param>
/// <param name="Currency">ISO 4217, three capital letters.</param>
[EventName("ordering.order-confirmed.v1")]
public sealed record OrderConfirmed(
    Guid EventId,
    DateTimeOffset OccurredAt,
    Guid OrderId,
    [AtLeast(1)] int OrderVersion,
    [NotEmpty] string CustomerId,
    [NotEmpty] IReadOnlyList<OrderConfirmed.Line> Lines,
    [AtLeast(0)] decimal Total,
    [Pattern(PatternAttribute.Currency)] string Currency) : IIntegrationEvent
{
    string IIntegrationEvent.AggregateId => OrderId.ToString();
    int IIntegrationEvent.AggregateVersion => OrderVersion;

    /// <summary>One product of the order.</summary>
    /// <param name="Sku">The product.</param>
    /// <param name="Quantity">Units, at least 1.</param>
    /// <param name="UnitPrice">The price of one unit when the order was placed, in the order's currency.</param>
    public sealed record Line([NotEmpty] string Sku, [AtLeast(1)] int Quantity, [AtLeast(0)] decimal UnitPrice);
}
