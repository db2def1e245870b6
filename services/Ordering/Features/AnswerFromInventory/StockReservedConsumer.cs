using Microsoft.EntityFrameworkCore;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging;
using Shop.Messaging.Consuming.Batches;
using Shop.Ordering.Domain;
using Shop.Ordering.Persistence;

namespace Shop.Ordering.Features.AnswerFromInventory;

/// <summary>
/// Confirms the orders that stock was set aside for. The inbox stops repeats before they get here. In batches, as this is what
/// happens to nearly every order: all that are answered while one batch is at work are read, confirmed and saved together.
/// </summary>
internal sealed class StockReservedConsumer(OrderingDbContext db, LateEvents late, TimeProvider clock) : IBatchConsumer<StockReserved>
{
    private static readonly Cause s_cause = Cause.Event(ShopEvents.Catalog.NameOf(typeof(StockReserved)));

    public async Task ConsumeAsync(IReadOnlyList<ReceivedEvent<StockReserved>> events, CancellationToken ct)
    {
        Guid[] ids = [.. events.Select(received => received.Event.OrderId).Distinct()];
        var orders = await db.Orders.Where(order => ids.Contains(order.Id)).ToDictionaryAsync(order => order.Id, ct);

        // All at once, and in their order: the handler that counts would lock them one by one, as the orders come.
        var waiting = orders.Values.Where(order => order.Status == OrderStatus.Placed);
        await db.LockCustomersAsync(waiting.Select(order => order.CustomerId), ct);
        foreach (var received in events)
        {
            var reserved = received.Event;
            await received.CauseAsync(() => late.CountUnless(
                orders.GetValueOrDefault(reserved.OrderId)?.Confirm(reserved.ReservationVersion, s_cause, clock.GetUtcNow()), reserved));
        }
    }
}
