using Shop.Contracts.Ordering.V1;
using Shop.ServiceDefaults.Hosting.WarmUp;

namespace Shop.Inventory.Features;

/// <summary>A product is listed, stocked and looked at, and an order asks for what is not there.</summary>
internal sealed class InventoryRehearsal(TimeProvider clock) : IRehearsal
{
    public async Task PlayAsync(Stage stage, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(stage);
        await stage.InTransactionAsync(async part =>
        {
            const string Product = "/products/" + Stage.Name;
            await part.RequestAsync("PUT", Product, new { name = Stage.Name, unitPrice = 1, currency = "EUR" });
            await part.RequestAsync("POST", Product + "/receipts", new { quantity = 1 });
            await part.RequestAsync("GET", Product);
        }, ct);
        var now = clock.GetUtcNow();
        await stage.ConsumeAsync(new OrderPlaced(Guid.CreateVersion7(now), now, Guid.CreateVersion7(now), 1, Stage.Name,
            [new OrderPlaced.Line(Stage.Name, 1, 1)], 0, 1, "EUR"), ct);
    }
}
