using MassTransit;
using Shop.Contracts.Ordering.V1;
using Shop.Inventory.Persistence;

namespace Shop.Inventory.Features.ShipStock;

/// <summary>
/// Takes what was set aside for a shipped order off the books. An order that nothing is set aside for cannot have been
/// confirmed, let alone shipped, unless messages were lost: the message is kept in the dead letters for a person to look at.
/// </summary>
internal sealed class OrderShippedConsumer(InventoryDbContext db, StockMoves stock, TimeProvider clock) : IConsumer<OrderShipped>
{
    public async Task Consume(ConsumeContext<OrderShipped> context)
    {
        var (orderId, ct) = (context.Message.OrderId, context.CancellationToken);
        var reservation = await db.LockReservationAsync(orderId, ct)
            ?? throw new InvalidOperationException($"Order {orderId} was shipped, but Inventory never heard of it being placed.");
        if (reservation.Ship(clock.GetUtcNow()))
        {
            await stock.ShipAsync(reservation.Lines, ct);
        }
    }
}
