using Microsoft.EntityFrameworkCore;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging;
using Shop.Messaging.Consuming.Batches;
using Shop.Ordering.Domain;
using Shop.Ordering.Persistence;

namespace Shop.Ordering.Features.AnswerFromInventory;

/// <summary>Confirms the orders whose stock is reserved. In batches, because nearly every order is.</summary>
internal sealed class StockReservedConsumer(OrderingDbContext db, LateEvents late, TimeProvider clock) : IBatchConsumer<StockReserved>
{
    private static readonly Cause s_cause = Cause.Event(ShopEvents.Catalog.NameOf(typeof(StockReserved)));
    private Dictionary<Guid, Order> _orders = [];

    public async Task PrepareAsync(IReadOnlyList<StockReserved> events, CancellationToken ct)
    {
        Guid[] ids = [.. events.Select(reserved => reserved.OrderId).Distinct()];
        _orders = await db.Orders.Where(order => ids.Contains(order.Id)).ToDictionaryAsync(order => order.Id, ct);

        // Locked together and ordered by id: CountConfirmedOrder would lock them one by one, in the order of events.
        await db.LockCustomersAsync(_orders.Values.Where(order => order.Status == OrderStatus.Placed).Select(order => order.CustomerId), ct);
    }

    public Task ConsumeAsync(StockReserved reserved, CancellationToken ct)
    {
        var order = _orders.GetValueOrDefault(reserved.OrderId);
        late.CountUnlessApplied(order?.Confirm(reserved.ReservationVersion, s_cause, clock.GetUtcNow()), reserved);
        return Task.CompletedTask;
    }
}
