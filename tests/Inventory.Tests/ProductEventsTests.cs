using System.Net.Http.Json;
using Shop.Contracts.Inventory.V1;
using static Shop.Inventory.Tests.InventoryService;

namespace Shop.Inventory.Tests;

[Collection(InventoryService.Name)]
public sealed class ProductEventsTests(InventoryService inventory)
{
    [Fact]
    public async Task Product_events_are_published_in_order_with_the_products_versions()
    {
        var sku = NewSku();
        await OfferAsync(sku, "Tea", 4.5m);
        await OfferAsync(sku, "Tea", 4.50m);
        await OfferAsync(sku, "Tea", 5m);
        (await inventory.Staff.PostAsJsonAsync($"/products/{sku}/receipts", new { quantity = 7 })).EnsureSuccessStatusCode();
        var placed = Placed((sku, 2));
        await inventory.Wire.PublishAsync(placed);
        await inventory.ConsumedAsync("order-placed", placed.EventId);
        (await inventory.Staff.PostAsJsonAsync($"/products/{sku}/receipts", new { quantity = 1 })).EnsureSuccessStatusCode();
        await OfferAsync(sku, "Green tea", 6m);

        await inventory.Wire.ReceiveAsync<ProductListed>("the last change is received", e => e.Sku == sku && e.Name == "Green tea");

        var received = inventory.Wire.Received.Where(e => e.Headers["aggregate-id"] == sku).ToList();
        Assert.Equal(
            [
                ("product-listed", 1), ("product-price-changed", 2), ("stock-replenished", 3), ("stock-replenished", 5),
                ("product-listed", 6),
            ],
            received.Select(e => (e.Name.Split('.')[1], e.Message.GetProperty("productVersion").GetInt32())));
        Assert.Equal([4.5m, 6m], inventory.Wire.ReceivedOf<ProductListed>().Where(e => e.Sku == sku).Select(e => e.UnitPrice));
        Assert.Equal(5m, Assert.Single(inventory.Wire.ReceivedOf<ProductPriceChanged>(), e => e.Sku == sku).UnitPrice);
        Assert.Equal([(7, 7), (1, 6)],
            inventory.Wire.ReceivedOf<StockReplenished>().Where(e => e.Sku == sku).Select(e => (e.Quantity, e.Available)));
        Assert.All(received, e => Assert.Equal(e.EventId, e.Message.GetProperty("eventId").GetGuid()));
        Assert.All(received, e => Assert.Equal(7, e.EventId.Version));
    }

    private async Task OfferAsync(string sku, string name, decimal unitPrice) =>
        (await inventory.Staff.PutAsJsonAsync($"/products/{sku}", new { name, unitPrice, currency = "EUR" })).EnsureSuccessStatusCode();
}
