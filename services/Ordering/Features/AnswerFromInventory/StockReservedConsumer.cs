using Microsoft.EntityFrameworkCore;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging;
using Shop.Messaging.Consuming.Batches;
using Shop.Ordering.Domain;
using Shop.Ordering.Persistence;

namespace Shop.Ordering.Features.AnswerFromInventory;

/// <summary>Confirms the orders that stock is reserved for. In batches, as this is what happens to nearly every order.</summary>
internal sealed class StockReservedConsumer(OrderingDbContext db, LateEvents late, TimeProvider clock) : IBatchConsumer<StockReserved>
{
    private static readonly Cause s_cause = Cause.Event(ShopEvents.Catalog.NameOf(typeof(StockReserved)));
    private Dictionary<Guid, Order> _orders = [];

    public async Task PrepareAsync(IReadOnlyList<StockReserved> events, CancellationToken ct)
    {
        Guid[] ids = [.. events.Select(reserved => reserved.OrderId).Distinct()];
        _orders = await db.Orders.Where(order => ids.Contains(order.Id)).ToDictionaryAsync(order => order.Id, ct);

        // All at once, and in their order: the handler that counts would lock them one by one, as the orders come.
        await db.LockCustomersAsync(_orders.Values.Where(order => order.Status == OrderStatus.Placed).Select(order => order.CustomerId), ct);
    }

    public Task ConsumeAsync(StockReserved reserved, CancellationToken ct)
    {
        var order = _orders.GetValueOrDefault(reserved.OrderId);
        late.CountUnless(order?.Confirm(reserved.ReservationVersion, s_cause, clock.GetUtcNow()), reserved);
        return Task.CompletedTask;
    }
}
