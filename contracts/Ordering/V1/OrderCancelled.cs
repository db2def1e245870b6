using Shop.Messaging;

namespace Shop.Contracts.Ordering.V1;

/// <summary>The order was cancelled before it was shipped; stock reserved for it can be released.</summary>
/// <param name="EventId">Redeliveries have the same id.</param>
/// <param name="OccurredAt">When the order was cancelled, UTC.</param>
/// <param name="OrderId">The order.</param>
/// <param name="OrderVersion">The order's version after this fact.</param>
/// <param name="CustomerId">Who placed it.</param>
/// <param name="Reason">
/// A stable code: <c>customer-request</c> (the customer, or staff for the customer, asked for it), <c>not-answered</c> (Inventory did
/// not answer in time) or <c>reservation-expired</c> (the order was not shipped before its reservation expired). More may
/// follow: treat an unknown code as any cancellation.
/// </param>
/// <param name="WasConfirmed">Whether it had been confirmed, and so counted as sold.</param>
/// <param name="Total">What the customer would have paid, in <paramref name="Currency"/>.</param>
/// <param name="Currency">ISO 4217, three capital letters.</param>
[EventName("ordering.order-cancelled.v1")]
public sealed record OrderCancelled(
    Guid EventId,
    DateTimeOffset OccurredAt,
    Guid OrderId,
    [AtLeast(1)] int OrderVersion,
    [NotEmpty] string CustomerId,
    [Pattern(PatternAttribute.Code)] string Reason,
    bool WasConfirmed,
    [AtLeast(0)] decimal Total,
    [Pattern(PatternAttribute.Currency)] string Currency) : IIntegrationEvent
{
    string IIntegrationEvent.AggregateId => OrderId.ToString();
    int IIntegrationEvent.AggregateVersion => OrderVersion;
}
