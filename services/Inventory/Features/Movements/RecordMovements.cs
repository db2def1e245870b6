using Shop.Inventory.Domain;
using Shop.Inventory.Persistence;
using Shop.Messaging.DomainEvents;

namespace Shop.Inventory.Features.Movements;

/// <summary>
/// Writes the ledger, before the commit and in the transaction that moves the units. It is the only writer, so a difference between the
/// columns and the ledger was not made by this service.
/// </summary>
internal sealed class RecordMovements(InventoryDbContext db) :
    IDomainEventHandler<StockReceived>,
    IDomainEventHandler<StockAdjusted>,
    IDomainEventHandler<StockReserved>,
    IDomainEventHandler<StockReleased>,
    IDomainEventHandler<StockReservationExpired>,
    IDomainEventHandler<StockShipped>
{
    public Task HandleAsync(StockReceived domainEvent, CancellationToken ct)
    {
        db.Movements.Add(new StockMovement(MovementKind.Received, domainEvent.Sku, domainEvent.Quantity, null, domainEvent.At));
        return Task.CompletedTask;
    }

    public Task HandleAsync(StockAdjusted domainEvent, CancellationToken ct)
    {
        db.Movements.Add(new StockMovement(MovementKind.Adjusted, domainEvent.Sku, domainEvent.Quantity, domainEvent.OrderId,
            domainEvent.At, domainEvent.Reason));
        return Task.CompletedTask;
    }

    public Task HandleAsync(StockReserved domainEvent, CancellationToken ct) =>
        Record(MovementKind.Reserved, domainEvent.OrderId, domainEvent.Lines, domainEvent.At);

    public Task HandleAsync(StockReleased domainEvent, CancellationToken ct) =>
        Record(MovementKind.Released, domainEvent.OrderId, domainEvent.Lines, domainEvent.At);

    public Task HandleAsync(StockReservationExpired domainEvent, CancellationToken ct) =>
        Record(MovementKind.Expired, domainEvent.OrderId, domainEvent.Lines, domainEvent.At);

    public async Task HandleAsync(StockShipped domainEvent, CancellationToken ct)
    {
        if (domainEvent.From == ShippedFrom.Shelf)
        {
            await Record(MovementKind.Reclaimed, domainEvent.OrderId, domainEvent.Lines, domainEvent.At);
        }

        await Record(MovementKind.Shipped, domainEvent.OrderId, domainEvent.Lines, domainEvent.At);
    }

    private Task Record(MovementKind kind, Guid orderId, IEnumerable<ReservationLine> lines, DateTimeOffset at)
    {
        db.Movements.AddRange(lines.Select(line => new StockMovement(kind, line.Sku, line.Quantity, orderId, at)));
        return Task.CompletedTask;
    }
}
