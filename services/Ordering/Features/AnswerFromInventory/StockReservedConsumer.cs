using MassTransit;
using Microsoft.EntityFrameworkCore;
using Shop.Contracts.Inventory.V1;
using Shop.Ordering.Persistence;

namespace Shop.Ordering.Features.AnswerFromInventory;

/// <summary>Confirms the order that stock was set aside for. The inbox stops repeats before they get here.</summary>
internal sealed class StockReservedConsumer(OrderingDbContext db, TimeProvider clock) : IConsumer<StockReserved>
{
    public async Task Consume(ConsumeContext<StockReserved> context)
    {
        var order = await db.Orders.FirstOrDefaultAsync(o => o.Id == context.Message.OrderId, context.CancellationToken);

        // An order that this database has never seen is none of its business: there is nothing to do later either.
        order?.Confirm(clock.GetUtcNow());
    }
}
