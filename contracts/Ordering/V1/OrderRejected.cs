using Shop.Messaging;

namespace Shop.Contracts.Ordering.V1;

/// <summary>The order cannot be fulfilled and is closed; nothing is reserved for it.</summary>
/// <param name="EventId">Redeliveries have the same id.</param>
/// <param name="OccurredAt">When the order was rejected, UTC.</param>
/// <param name="OrderId">The order.</param>
/// <param name="OrderVersion">The order's version after this fact.</param>
/// <param name="CustomerId">Who placed it.</param>
/// <param name="Reason">A stable code: <c>out-of-stock</c>.</param>
/// <param name="ShortLines">The lines that are short of stock; empty where the reason is another one.</param>
[EventName("ordering.order-rejected.v1")]
public sealed record OrderRejected(
    Guid EventId,
    DateTimeOffset OccurredAt,
    Guid OrderId,
    [AtLeast(1)] int OrderVersion,
    [NotEmpty] string CustomerId,
    [Pattern(PatternAttribute.Code)] string Reason,
    IReadOnlyList<OrderRejected.ShortLine> ShortLines) : IIntegrationEvent
{
    string IIntegrationEvent.AggregateId => OrderId.ToString();
    int IIntegrationEvent.AggregateVersion => OrderVersion;

    /// <summary>A line that is short of stock.</summary>
    /// <param name="Sku">The product.</param>
    /// <param name="Asked">Units ordered, at least 1.</param>
    /// <param name="Available">Units available, less than ordered.</param>
    public sealed record ShortLine([NotEmpty] string Sku, [AtLeast(1)] int Asked, [AtLeast(0)] int Available);
}
