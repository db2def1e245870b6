using Shop.Contracts.Inventory.V1;
using Shop.Messaging.Consuming.Batches;
using Shop.Ordering.Domain;
using Shop.Ordering.Features.AnswerFromInventory;
using Shop.Ordering.Features.PlaceOrder;
using Shop.Ordering.Persistence;
using Shop.ServiceDefaults.Hosting;

namespace Shop.Ordering.Features;

/// <summary>Places an order and confirms it.</summary>
internal sealed class OrderRehearsal(IServiceScopeFactory scopes, TimeProvider clock, ILogger<OrderRehearsal> logger)
    : Rehearsal<OrderingDbContext>(scopes, logger)
{
    protected override async Task RehearseAsync(IServiceProvider services, OrderingDbContext db, CancellationToken ct)
    {
        var (name, now) = ($"rehearsal-{Guid.CreateVersion7():N}", clock.GetUtcNow());
        await foreach (var none in PlaceOrderEndpoint.FindOffers(db, [name], name).WithCancellation(ct))
        {
            throw new InvalidOperationException($"There is a product {none.Product.Sku}, which is only rehearsed with.");
        }

        var order = Order.Place(name, [new OrderLine(name, name, 1, 1, "EUR")], 0, now, channel: null);
        db.Orders.Add(order);
        await db.SaveChangesAsync(ct);
        db.ChangeTracker.Clear();

        var reserved = new StockReserved(Guid.CreateVersion7(now), now, order.Id, 1, [new StockReserved.Line(name, 1)]);
        IBatchConsumer<StockReserved> consumer = services.GetRequiredService<StockReservedConsumer>();
        await consumer.PrepareAsync([reserved], ct);
        await consumer.ConsumeAsync(reserved, ct);
        await db.SaveChangesAsync(ct);
    }
}
