using Shop.Messaging;

namespace Shop.Contracts.Ordering.V1;

/// <summary>A customer placed an order; stock is not reserved yet.</summary>
/// <param name="EventId">Redeliveries have the same id.</param>
/// <param name="OccurredAt">When the order was placed, UTC.</param>
/// <param name="OrderId">The order.</param>
/// <param name="OrderVersion">The order's version after this fact, from 1.</param>
/// <param name="CustomerId">Who placed it; no name or address.</param>
/// <param name="Lines">At least one; each sku appears once.</param>
/// <param name="Discount">The discount on the sum of the lines, in <paramref name="Currency"/>, at least 0.</param>
/// <param name="Total">What the customer pays: the sum of the lines less the discount, in <paramref name="Currency"/>.</param>
/// <param name="Currency">ISO 4217, three capital letters.</param>
[EventName("ordering.order-placed.v1")]
public sealed record OrderPlaced(
    Guid EventId,
    DateTimeOffset OccurredAt,
    Guid OrderId,
    [AtLeast(1)] int OrderVersion,
    [NotEmpty] string CustomerId,
    [NotEmpty] IReadOnlyList<OrderPlaced.Line> Lines,
    [AtLeast(0)] decimal Discount,
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
