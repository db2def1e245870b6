using MassTransit;
using Microsoft.EntityFrameworkCore;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging;
using Shop.Ordering.Domain;
using Shop.Ordering.Persistence;

namespace Shop.Ordering.Features.AnswerFromInventory;

/// <summary>Rejects the order, with the lines that are short.</summary>
internal sealed class StockReservationFailedConsumer(OrderingDbContext db, LateEvents late, TimeProvider clock)
    : IConsumer<StockReservationFailed>
{
    private static readonly Cause s_cause = Cause.Event(ShopEvents.Catalog.NameOf(typeof(StockReservationFailed)));

    public async Task Consume(ConsumeContext<StockReservationFailed> context)
    {
        var failed = context.Message;
        var order = await db.Orders.FirstOrDefaultAsync(o => o.Id == failed.OrderId, context.CancellationToken);
        var shortLines = failed.ShortLines.Select(line => new ShortLine(line.Sku, line.Asked, line.Available)).ToList();
        late.CountUnlessApplied(order?.Reject(failed.ReservationVersion, shortLines, s_cause, clock.GetUtcNow()), failed);
    }
}
