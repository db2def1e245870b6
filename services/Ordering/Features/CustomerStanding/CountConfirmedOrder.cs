using Microsoft.EntityFrameworkCore;
using Shop.Ordering.Domain;
using Shop.Ordering.Persistence;
using Shop.ServiceDefaults.Domain;

namespace Shop.Ordering.Features.CustomerStanding;

/// <summary>
/// Before the commit, in the order's transaction: counts the confirmed order for its customer, who may become preferred by
/// it. So an order is never confirmed without being counted, nor counted twice.
/// </summary>
internal sealed class CountConfirmedOrder(OrderingDbContext db) : IDomainEventHandler<OrderConfirmed>
{
    public async Task HandleAsync(OrderConfirmed domainEvent, CancellationToken ct)
    {
        var customer = await LockedAsync(domainEvent.CustomerId, ct) ?? await AddedAsync(domainEvent.CustomerId, ct);
        customer.CountConfirmedOrder(domainEvent.At);
    }

    /// <summary>Locked, because a busy customer's orders are confirmed at the same time: waiting is cheaper than starting again.</summary>
    private Task<Customer?> LockedAsync(string id, CancellationToken ct) =>
        db.Customers.FromSql($"SELECT * FROM customers WHERE id = {id} FOR UPDATE").SingleOrDefaultAsync(ct);

    private async Task<Customer> AddedAsync(string id, CancellationToken ct)
    {
        // Two first orders may be confirmed at the same moment: one of them adds the customer, the other waits for it.
        await db.Database.ExecuteSqlAsync(
            $"INSERT INTO customers (id, confirmed_orders, version) VALUES ({id}, 0, 0) ON CONFLICT (id) DO NOTHING", ct);
        return (await LockedAsync(id, ct))!;
    }
}
