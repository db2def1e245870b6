using MassTransit;
using Shop.Contracts.Ordering.V1;
using Shop.Inventory.Domain;
using Shop.Inventory.Persistence;

namespace Shop.Inventory.Features.ReleaseStock;

/// <summary>Releases the stock of a cancelled order, or records the cancellation for an order that has not arrived yet.</summary>
internal sealed class OrderCancelledConsumer(InventoryDbContext db, StockMoves stock, TimeProvider clock) : IConsumer<OrderCancelled>
{
    public async Task Consume(ConsumeContext<OrderCancelled> context)
    {
        var (orderId, ct) = (context.Message.OrderId, context.CancellationToken);
        var now = clock.GetUtcNow();
        var reservation = await db.LockReservationAsync(orderId, ct);
        if (reservation is null)
        {
            db.Reservations.Add(Reservation.ReleaseBeforePlacement(orderId, now));
        }
        else if (reservation.Release(now))
        {
            await stock.ReleaseAsync(reservation.Lines, ct);
        }
    }
}
