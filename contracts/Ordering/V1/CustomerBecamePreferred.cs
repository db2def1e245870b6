using Shop.Messaging;

namespace Shop.Contracts.Ordering.V1;

/// <summary>Enough of a customer's orders were confirmed: from now on there is a discount. Happens once per customer.</summary>
/// <param name="EventId">Redeliveries have the same id.</param>
/// <param name="OccurredAt">When the customer became preferred, UTC.</param>
/// <param name="CustomerId">The customer; no name or address.</param>
/// <param name="CustomerVersion">The customer's version after this fact.</param>
[EventName("ordering.customer-became-preferred.v1")]
public sealed record CustomerBecamePreferred(
    Guid EventId,
    DateTimeOffset OccurredAt,
    [NotEmpty] string CustomerId,
    [AtLeast(1)] int CustomerVersion) : IIntegrationEvent
{
    string IIntegrationEvent.AggregateId => CustomerId;
    int IIntegrationEvent.AggregateVersion => CustomerVersion;
}
