using Shop.Messaging;

namespace Shop.Contracts.Ordering.V2;

/// <summary>A customer placed an order; stock is not reserved yet. Each amount has its currency, and there is an optional channel.</summary>
/// <param name="EventId">Redeliveries, and version 1 of the same fact, have the same id.</param>
/// <param name="OccurredAt">When the order was placed, UTC.</param>
/// <param name="OrderId">The order.</param>
/// <param name="OrderVersion">The order's version after this fact, from 1.</param>
/// <param name="CustomerId">Who placed it; no name or address.</param>
/// <param name="Lines">At least one; each sku appears once.</param>
/// <param name="Discount">The discount on the sum of the lines; an amount of 0 where there is none.</param>
/// <param name="Total">What the customer pays: the sum of the lines less the discount. All amounts of an order are in one currency.</param>
/// <param name="Channel">
/// The sales channel, as a stable code such as <c>web</c>, <c>app</c> or <c>phone</c>; more may follow. Null where it is unknown,
/// and for events of version 1.
/// </param>
[EventName("ordering.order-placed.v2")]
public sealed record OrderPlaced(
    Guid EventId,
    DateTimeOffset OccurredAt,
    Guid OrderId,
    [AtLeast(1)] int OrderVersion,
    [NotEmpty] string CustomerId,
    [NotEmpty] IReadOnlyList<OrderPlaced.Line> Lines,
    Money Discount,
    Money Total,
    [Pattern(PatternAttribute.Code)] string? Channel = null) : IIntegrationEvent
{
    string IIntegrationEvent.AggregateId => OrderId.ToString();
    int IIntegrationEvent.AggregateVersion => OrderVersion;

    /// <summary>One product of the order.</summary>
    /// <param name="Sku">The product.</param>
    /// <param name="Quantity">Units, at least 1.</param>
    /// <param name="UnitPrice">The price of one unit when the order was placed.</param>
    public sealed record Line([NotEmpty] string Sku, [AtLeast(1)] int Quantity, Money UnitPrice);
}
