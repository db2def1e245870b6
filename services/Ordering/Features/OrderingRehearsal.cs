using Microsoft.EntityFrameworkCore;
using Shop.Contracts.Inventory.V1;
using Shop.Ordering.Domain;
using Shop.Ordering.Persistence;
using Shop.ServiceDefaults.Hosting.WarmUp;

namespace Shop.Ordering.Features;

/// <summary>The way of an order, from its product's listing to its shipping.</summary>
internal sealed class OrderingRehearsal(TimeProvider clock) : IRehearsal
{
    private static readonly object s_order = new { lines = new[] { new { sku = Stage.Name, quantity = 1 } } };

    public async Task PlayAsync(Stage stage, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(stage);
        await stage.ConsumeAsync(
            new ProductListed(Guid.CreateVersion7(), clock.GetUtcNow(), Stage.Name, 1, Stage.Name, 1, "EUR"), ct);
        await stage.RequestAsync("POST", "/orders", s_order); // refused, as the product is not there
        await stage.InTransactionAsync(part => PlaceConfirmShipAsync(part, ct), ct);
    }

    private async Task PlaceConfirmShipAsync(Stage stage, CancellationToken ct)
    {
        var db = stage.Services.GetRequiredService<OrderingDbContext>();
        var product = Product.Unnamed(Stage.Name);
        product.Priced(1, "EUR", 1);
        db.Products.Add(product);
        await db.SaveChangesAsync(ct);

        var placed = await stage.RequestAsync("POST", "/orders", s_order)
            ?? throw new InvalidOperationException("The rehearsed order was not placed.");
        db.ChangeTracker.Clear();
        var id = Guid.Parse(placed["/orders/".Length..]);
        var order = await db.Orders.FirstAsync(o => o.Id == id, ct);
        order.Confirm(1, Cause.Event(Stage.Name), clock.GetUtcNow());
        await db.SaveChangesAsync(ct);
        db.ChangeTracker.Clear();
        await stage.RequestAsync("GET", placed);
        await stage.RequestAsync("POST", placed + "/ship");
    }
}
