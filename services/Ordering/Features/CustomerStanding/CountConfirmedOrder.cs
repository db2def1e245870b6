using Shop.Messaging.DomainEvents;
using Shop.Ordering.Domain;
using Shop.Ordering.Persistence;

namespace Shop.Ordering.Features.CustomerStanding;

/// <summary>
/// Counts a confirmed order for its customer, who may become preferred, before the commit and in the order's transaction:
/// every confirmed order is counted exactly once.
/// </summary>
internal sealed class CountConfirmedOrder(OrderingDbContext db) : IDomainEventHandler<OrderConfirmed>
{
    public async Task HandleAsync(OrderConfirmed domainEvent, CancellationToken ct)
    {
        await db.LockCustomersAsync([domainEvent.CustomerId], ct);
        db.Customers.Local.FindEntry(domainEvent.CustomerId)!.Entity.CountConfirmedOrder(domainEvent.At);
    }
}
