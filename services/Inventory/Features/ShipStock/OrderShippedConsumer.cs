using MassTransit;
using Shop.Contracts.Ordering.V1;
using Shop.Inventory.Domain;
using Shop.Inventory.Persistence;

namespace Shop.Inventory.Features.ShipStock;

/// <summary>
/// Books the reserved stock of a shipped order out of the ledger. Where its reservation has expired, the goods were shipped
/// nevertheless, and are booked from the units on hand. An order without a reservation, or with a released one, cannot have been shipped
/// unless messages were lost: the message is dead-lettered for an operator to check.
/// </summary>
internal sealed class OrderShippedConsumer(InventoryDbContext db, StockMoves stock, TimeProvider clock) : IConsumer<OrderShipped>
{
    public async Task Consume(ConsumeContext<OrderShipped> context)
    {
        var (orderId, ct) = (context.Message.OrderId, context.CancellationToken);
        var reservation = await db.LockReservationAsync(orderId, ct)
            ?? throw new InvalidOperationException($"Order {orderId} was shipped, but Inventory has not received its OrderPlaced.");
        switch (reservation.Ship(clock.GetUtcNow()))
        {
            case ShippedFrom.Reserved:
                await stock.ShipAsync(reservation.Lines, ct);
                break;
            case ShippedFrom.Shelf:
                await ShipFromShelfAsync(reservation, ct);
                break;
        }
    }

    /// <summary>Rare, so it loads the products, locked in sku order as everywhere.</summary>
    private async Task ShipFromShelfAsync(Reservation reservation, CancellationToken ct)
    {
        foreach (var (sku, quantity) in reservation.Lines.OrderBy(line => line.Sku, StringComparer.Ordinal))
        {
            var product = await db.LockProductAsync(sku, ct) ?? throw new InvalidOperationException($"Product {sku} does not exist.");
            product.ShipFromShelf(reservation.OrderId, quantity, clock.GetUtcNow());
        }
    }
}
