using MassTransit;
using Microsoft.EntityFrameworkCore;
using Shop.Contracts.Inventory.V1;
using Shop.Ordering.Domain;
using Shop.Ordering.Persistence;

namespace Shop.Ordering.Features.AnswerFromInventory;

/// <summary>Rejects the order that cannot be served, naming the lines.</summary>
internal sealed class StockReservationFailedConsumer(OrderingDbContext db, TimeProvider clock) : IConsumer<StockReservationFailed>
{
    public async Task Consume(ConsumeContext<StockReservationFailed> context)
    {
        var order = await db.Orders.FirstOrDefaultAsync(o => o.Id == context.Message.OrderId, context.CancellationToken);
        order?.Reject(
            [.. context.Message.ShortLines.Select(line => new ShortLine(line.Sku, line.Asked, line.Available))], clock.GetUtcNow());
    }
}
