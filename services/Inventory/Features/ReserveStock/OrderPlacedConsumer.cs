using Microsoft.Extensions.Options;
using Shop.Contracts.Ordering.V2;
using Shop.Inventory.Domain;
using Shop.Inventory.Features.ExpireReservations;
using Shop.Inventory.Persistence;
using Shop.Messaging;
using Shop.Messaging.Consuming.Batches;

namespace Shop.Inventory.Features.ReserveStock;

/// <summary>
/// Sets stock aside for new orders, for each all of it or nothing, in the order in which they arrived. The inbox stops repeats before
/// they get here. In batches: the orders of a busy moment meet at the same few products, and lock and change each of them once.
/// </summary>
[AlsoTakes(typeof(Shop.Contracts.Ordering.V1.OrderPlaced))] // until every Ordering publishes version 2
internal sealed class OrderPlacedConsumer(
    InventoryDbContext db, StockMoves stock, IOptions<ReservationSettings> settings, TimeProvider clock) : IBatchConsumer<OrderPlaced>
{
    public async Task ConsumeAsync(IReadOnlyList<ReceivedEvent<OrderPlaced>> events, CancellationToken ct)
    {
        // Known: answered already under another event id, or cancelled before it came.
        var known = await db.LockReservationsAsync(events.Select(received => received.Event.OrderId), ct);
        List<ReceivedEvent<OrderPlaced>> placed =
            [.. events.Where(received => !known.ContainsKey(received.Event.OrderId)).DistinctBy(received => received.Event.OrderId)];
        List<IReadOnlyList<ReservationLine>> lines = [.. placed.Select(received =>
            Reservation.Sorted(received.Event.Lines.Select(line => new ReservationLine(line.Sku, line.Quantity))))];

        var outcomes = await stock.ReserveAsync(lines, ct);
        for (var i = 0; i < placed.Count; i++)
        {
            var (orderId, asked, outcome) = (placed[i].Event.OrderId, lines[i], outcomes[i]);
            await placed[i].CauseAsync(() => db.Reservations.Add(Decide(orderId, asked, outcome)));
        }
    }

    private Reservation Decide(Guid orderId, IReadOnlyList<ReservationLine> lines, Reserving outcome)
    {
        var now = clock.GetUtcNow();
        return outcome.ShortLines.Count == 0
            ? Reservation.Reserve(orderId, lines, settings.Value.ReservationLifetime, outcome.BecameLow, now)
            : Reservation.Fail(orderId, lines, outcome.ShortLines, now);
    }
}
