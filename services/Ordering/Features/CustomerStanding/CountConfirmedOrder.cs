using Shop.Messaging.DomainEvents;
using Shop.Ordering.Domain;
using Shop.Ordering.Persistence;

namespace Shop.Ordering.Features.CustomerStanding;

/// <summary>
/// Before the commit, in the order's transaction: counts the confirmed order for its customer, who may become preferred by
/// it. So an order is never confirmed without being counted, nor counted twice.
/// </summary>
internal sealed class CountConfirmedOrder(OrderingDbContext db) : IDomainEventHandler<OrderConfirmed>
{
    public async Task HandleAsync(OrderConfirmed domainEvent, CancellationToken ct)
    {
        await db.LockCustomersAsync([domainEvent.CustomerId], ct);
        db.Customers.Local.FindEntry(domainEvent.CustomerId)!.Entity.CountConfirmedOrder(domainEvent.At);
    }
}
