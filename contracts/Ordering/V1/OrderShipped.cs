using Shop.Messaging;

namespace Shop.Contracts.Ordering.V1;

/// <summary>The order was shipped; it can no longer be cancelled.</summary>
/// <param name="EventId">Redeliveries have the same id.</param>
/// <param name="OccurredAt">When the order was shipped, UTC.</param>
/// <param name="OrderId">The order.</param>
/// <param name="OrderVersion">The order's version after this fact.</param>
/// <param name="CustomerId">Who placed it.</param>
[EventName("ordering.order-shipped.v1")]
public sealed record OrderShipped(
    Guid EventId,
    DateTimeOffset OccurredAt,
    Guid OrderId,
    [AtLeast(1)] int OrderVersion,
    [NotEmpty] string CustomerId) : IIntegrationEvent
{
    string IIntegrationEvent.AggregateId => OrderId.ToString();
    int IIntegrationEvent.AggregateVersion => OrderVersion;
}
