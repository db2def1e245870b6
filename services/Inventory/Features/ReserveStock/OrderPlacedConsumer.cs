using Microsoft.Extensions.Options;
using Shop.Contracts.Ordering.V2;
using Shop.Inventory.Domain;
using Shop.Inventory.Persistence;
using Shop.Messaging;
using Shop.Messaging.Consuming.Batches;

namespace Shop.Inventory.Features.ReserveStock;

/// <summary>
/// Reserves stock for new orders, all or nothing for each, in the order of arrival. In batches: concurrent orders
/// share the same few products, and each of these is locked and updated once.
/// </summary>
[AlsoSubscribesTo(typeof(Shop.Contracts.Ordering.V1.OrderPlaced))] // until every Ordering publishes version 2
internal sealed class OrderPlacedConsumer(
    InventoryDbContext db, StockMoves stock, IOptions<ReservationSettings> settings, TimeProvider clock) : IBatchConsumer<OrderPlaced>
{
    private Dictionary<Guid, Reservation> _decided = [];

    public async Task PrepareAsync(IReadOnlyList<OrderPlaced> events, CancellationToken ct)
    {
        // Known: already decided under another event id, or cancelled before it arrived.
        var known = await db.LockReservationsAsync(events.Select(placed => placed.OrderId), ct);
        OrderPlaced[] unknown = [.. events.Where(placed => !known.ContainsKey(placed.OrderId)).DistinctBy(placed => placed.OrderId)];
        List<IReadOnlyList<ReservationLine>> lines = [.. unknown.Select(placed =>
            Reservation.Sorted(placed.Lines.Select(line => new ReservationLine(line.Sku, line.Quantity))))];

        var outcomes = await stock.ReserveAsync(lines, ct);
        _decided = unknown.Select((placed, i) => Decide(placed.OrderId, lines[i], outcomes[i])).ToDictionary(reservation => reservation.OrderId);
    }

    public Task ConsumeAsync(OrderPlaced placed, CancellationToken ct)
    {
        if (_decided.Remove(placed.OrderId, out var reservation))
        {
            db.Reservations.Add(reservation);
        }

        return Task.CompletedTask;
    }

    private Reservation Decide(Guid orderId, IReadOnlyList<ReservationLine> lines, ReservationResult outcome)
    {
        var now = clock.GetUtcNow();
        return outcome.ShortLines.Count == 0
            ? Reservation.Reserve(orderId, lines, settings.Value.ReservationLifetime, outcome.BecameLow, now)
            : Reservation.Fail(orderId, lines, outcome.ShortLines, now);
    }
}
