using MassTransit;
using Microsoft.Extensions.Options;
using Shop.Contracts;
using Shop.Contracts.Ordering.V2;
using Shop.Inventory.Domain;
using Shop.Inventory.Features.ExpireReservations;
using Shop.Inventory.Persistence;

namespace Shop.Inventory.Features.ReserveStock;

/// <summary>Sets stock aside for a new order, all of it or nothing. The inbox stops repeats before they get here.</summary>
[AlsoTakes(typeof(Shop.Contracts.Ordering.V1.OrderPlaced))] // until every Ordering publishes version 2
internal sealed class OrderPlacedConsumer(
    InventoryDbContext db, StockMoves stock, IOptions<ReservationSettings> settings, TimeProvider clock) : IConsumer<OrderPlaced>
{
    public async Task Consume(ConsumeContext<OrderPlaced> context)
    {
        var (placed, ct) = (context.Message, context.CancellationToken);
        if (await db.LockReservationAsync(placed.OrderId, ct) is not null)
        {
            return; // answered already under another event id, or cancelled before it came
        }

        var lines = Reservation.Sorted(placed.Lines.Select(line => new ReservationLine(line.Sku, line.Quantity)));
        var reserving = await stock.ReserveAsync(lines, ct);
        var now = clock.GetUtcNow();
        db.Reservations.Add(reserving.ShortLines.Count == 0
            ? Reservation.Reserve(placed.OrderId, lines, settings.Value.ReservationLifetime, reserving.BecameLow, now)
            : Reservation.Fail(placed.OrderId, lines, reserving.ShortLines, now));
    }
}
