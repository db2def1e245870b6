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
        // Locked, because a busy customer's orders are confirmed at the same time: waiting is cheaper than starting again.
        var customer = await db.Customers.FromSql($"SELECT * FROM customers WHERE id = {domainEvent.CustomerId} FOR UPDATE")
            .FirstOrDefaultAsync(ct) ?? db.Customers.Add(Customer.New(domainEvent.CustomerId)).Entity;
        customer.CountConfirmedOrder(domainEvent.At);
    }
}
