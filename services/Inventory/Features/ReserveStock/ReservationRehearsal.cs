using Shop.Contracts;
using Shop.Contracts.Ordering.V2;
using Shop.Inventory.Domain;
using Shop.Inventory.Persistence;
using Shop.Messaging.Consuming.Batches;
using Shop.ServiceDefaults.Hosting;

namespace Shop.Inventory.Features.ReserveStock;

/// <summary>Reserves a product for an order.</summary>
internal sealed class ReservationRehearsal(IServiceScopeFactory scopes, TimeProvider clock, ILogger<ReservationRehearsal> logger)
    : Rehearsal<InventoryDbContext>(scopes, logger)
{
    protected override async Task RehearseAsync(IServiceProvider services, InventoryDbContext db, CancellationToken ct)
    {
        var (name, now, price) = ($"rehearsal-{Guid.CreateVersion7():N}", clock.GetUtcNow(), new Money(1, "EUR"));
        var product = Product.List(name, name, price.Amount, price.Currency, now);
        product.Receive(1, now);
        db.Products.Add(product);
        await db.SaveChangesAsync(ct);
        db.ChangeTracker.Clear();

        var placed = new OrderPlaced(
            Guid.CreateVersion7(now), now, Guid.CreateVersion7(now), 1, name, [new OrderPlaced.Line(name, 1, price)], price with { Amount = 0 }, price);
        IBatchConsumer<OrderPlaced> consumer = services.GetRequiredService<OrderPlacedConsumer>();
        await consumer.PrepareAsync([placed], ct);
        await consumer.ConsumeAsync(placed, ct);
        await db.SaveChangesAsync(ct);
    }
}
