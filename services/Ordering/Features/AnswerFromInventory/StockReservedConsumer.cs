using MassTransit;
using Microsoft.EntityFrameworkCore;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Ordering.Domain;
using Shop.Ordering.Persistence;

namespace Shop.Ordering.Features.AnswerFromInventory;

/// <summary>Confirms the order that stock was set aside for. The inbox stops repeats before they get here.</summary>
internal sealed class StockReservedConsumer(OrderingDbContext db, LateEvents late, TimeProvider clock) : IConsumer<StockReserved>
{
    private static readonly Cause s_cause = Cause.Event(EventCatalog.NameOf(typeof(StockReserved)));

    public async Task Consume(ConsumeContext<StockReserved> context)
    {
        var reserved = context.Message;
        var order = await db.Orders.FirstOrDefaultAsync(o => o.Id == reserved.OrderId, context.CancellationToken);
        late.CountUnless(order?.Confirm(reserved.ReservationVersion, s_cause, clock.GetUtcNow()), reserved);
    }
}
