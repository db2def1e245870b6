using Shop.Messaging;

namespace Shop.Contracts.Ordering.V1;

/// <summary>The order cannot be fulfilled and is closed; nothing is set aside for it.</summary>
/// <param name="EventId">Repeats carry the same id.</param>
/// <param name="OccurredAt">When the order was rejected, UTC.</param>
/// <param name="OrderId">The order.</param>
/// <param name="OrderVersion">The order's version after this fact.</param>
/// <param name="CustomerId">Who placed it.</param>
/// <param name="Reason">A stable code: <c>out-of-stock</c>.</param>
/// <param name="ShortLines">The lines that could not be served; empty where the reason is not about stock.</param>
[EventName("ordering.order-rejected.v1")]
public sealed record OrderRejected(
    Guid EventId,
    DateTimeOffset OccurredAt,
    Guid OrderId,
    [AtLeast(1)] int OrderVersion,
    [NotEmpty] string CustomerId,
    [Form(FormAttribute.Code)] string Reason,
    IReadOnlyList<OrderRejected.ShortLine> ShortLines) : IIntegrationEvent
{
    string IIntegrationEvent.AggregateId => OrderId.ToString();
    int IIntegrationEvent.AggregateVersion => OrderVersion;

    /// <summary>A line that could not be served.</summary>
    /// <param name="Sku">The product.</param>
    /// <param name="Asked">Units asked for, at least 1.</param>
    /// <param name="Available">Units that were there, less than asked.</param>
    public sealed record ShortLine([NotEmpty] string Sku, [AtLeast(1)] int Asked, [AtLeast(0)] int Available);
}
