using MassTransit;
using Shop.Contracts.Ordering.V1;
using Shop.Inventory.Domain;
using Shop.Inventory.Persistence;

namespace Shop.Inventory.Features.ShipStock;

/// <summary>
/// Takes what was set aside for a shipped order off the books. Where its reservation expired meanwhile, the goods left all the
/// same, and the books follow. An order that nothing was ever set aside for, or that was cancelled, cannot have been shipped
/// unless messages were lost: the message is kept in the dead letters for a person to look at.
/// </summary>
internal sealed class OrderShippedConsumer(InventoryDbContext db, StockMoves stock, TimeProvider clock) : IConsumer<OrderShipped>
{
    public async Task Consume(ConsumeContext<OrderShipped> context)
    {
        var (orderId, ct) = (context.Message.OrderId, context.CancellationToken);
        var reservation = await db.LockReservationAsync(orderId, ct)
            ?? throw new InvalidOperationException($"Order {orderId} was shipped, but Inventory never heard of it being placed.");
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

    /// <summary>Rare, so it loads the products: locked one after the other in the order of skus, as everywhere.</summary>
    private async Task ShipFromShelfAsync(Reservation reservation, CancellationToken ct)
    {
        foreach (var (sku, quantity) in reservation.Lines.OrderBy(line => line.Sku, StringComparer.Ordinal))
        {
            var product = await db.LockProductAsync(sku, ct) ?? throw new InvalidOperationException($"Product {sku} is gone.");
            product.ShipFromShelf(reservation.OrderId, quantity, clock.GetUtcNow());
        }
    }
}
