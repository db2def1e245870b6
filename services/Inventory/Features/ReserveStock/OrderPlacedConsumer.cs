using MassTransit;
using Shop.Contracts.Ordering.V1;
using Shop.Inventory.Domain;
using Shop.Inventory.Persistence;

namespace Shop.Inventory.Features.ReserveStock;

/// <summary>Sets stock aside for a new order, all of it or nothing. The inbox stops repeats before they get here.</summary>
internal sealed class OrderPlacedConsumer(InventoryDbContext db, StockMoves stock, TimeProvider clock) : IConsumer<OrderPlaced>
{
    public async Task Consume(ConsumeContext<OrderPlaced> context)
    {
        var (placed, ct) = (context.Message, context.CancellationToken);
        if (await db.LockReservationAsync(placed.OrderId, ct) is not null)
        {
            return; // answered already under another event id, or cancelled before it came
        }

        var lines = Reservation.Sorted(placed.Lines.Select(line => new ReservationLine(line.Sku, line.Quantity)));
        var shortLines = await stock.ReserveAsync(lines, ct);
        var now = clock.GetUtcNow();
        db.Reservations.Add(shortLines.Count == 0
            ? Reservation.Reserve(placed.OrderId, lines, now)
            : Reservation.Fail(placed.OrderId, lines, shortLines, now));
    }
}
