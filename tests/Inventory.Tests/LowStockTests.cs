using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Shop.Contracts.Inventory.V1;
using static Shop.Inventory.Tests.InventoryService;

namespace Shop.Inventory.Tests;

[Collection(InventoryService.Name)]
public sealed class LowStockTests(InventoryService inventory)
{
    [Fact]
    public async Task Fifty_concurrent_orders_cross_the_threshold_once()
    {
        var (sku, other) = (await WatchedAsync(60, 25), await WatchedAsync(100, 10));
        var orders = Enumerable.Range(0, 50).Select(i => i % 2 == 0 ? Placed((sku, 1)) : Placed((sku, 1), (other, 1))).ToList();

        await inventory.DecidedAsync(orders);
        await inventory.AllPublishedAsync();

        var low = Assert.Single(inventory.Wire.ReceivedOf<StockLevelLow>(), e => e.Sku == sku);
        Assert.Equal((25, 25), (low.Available, low.Threshold));
        Assert.Equal((10, 50, 0), await inventory.StockAsync(sku));
        Assert.DoesNotContain(inventory.Wire.ReceivedOf<StockLevelLow>(), e => e.Sku == other);

        // Listed, received, watched: three versions; then each order is one, and the 35th crosses.
        Assert.Equal(3 + 35, low.ProductVersion);
    }

    [Fact]
    public async Task It_is_raised_again_only_after_the_stock_was_above_the_threshold()
    {
        var sku = await WatchedAsync(5, 3);
        var first = Placed((sku, 3));
        await inventory.DecidedAsync(first); // 2: low
        await inventory.DecidedAsync(Placed((sku, 1))); // 1
        await inventory.TimeGoesByAsync(first);
        await inventory.StatusBecomesAsync(first, "expired"); // 4: no longer low
        await AdjustAsync(sku, -2); // 2: low again
        await AdjustAsync(sku, 1); // 3: still low
        (await inventory.Staff.PostAsJsonAsync($"/products/{sku}/receipts", new { quantity = 2 })).EnsureSuccessStatusCode(); // 5
        await inventory.DecidedAsync(Placed((sku, 5))); // 0: low for the third time

        await inventory.AllPublishedAsync();

        Assert.Equal([2, 2, 0], inventory.Wire.ReceivedOf<StockLevelLow>().Where(e => e.Sku == sku).Select(e => e.Available));
    }

    [Fact]
    public async Task An_order_that_cannot_be_reserved_makes_no_product_low()
    {
        var (watched, none) = (await WatchedAsync(5, 3), await inventory.StockedAsync(0));
        var placed = Placed((watched, 4), (none, 1));

        await inventory.DecidedAsync(placed);
        await inventory.AllPublishedAsync();

        Assert.Equal("failed", await inventory.StatusAsync(placed));
        Assert.Equal((5, 0, 0), await inventory.StockAsync(watched));
        Assert.DoesNotContain(inventory.Wire.ReceivedOf<StockLevelLow>(), e => e.Sku == watched);
    }

    [Fact]
    public async Task A_threshold_above_the_stock_raises_StockLevelLow_once_and_can_be_removed()
    {
        var sku = await inventory.StockedAsync(5);

        using var set = await WatchAsync(sku, """{"threshold":9}""");
        using var again = await WatchAsync(sku, """{"threshold":9}""");
        using var off = await WatchAsync(sku, """{"threshold":null}""");
        await AdjustAsync(sku, -1);
        await inventory.AllPublishedAsync();

        var (first, second) = (await JsonAsync(set), await JsonAsync(again));
        Assert.Equal((9, 3), (first.GetProperty("lowStockThreshold").GetInt32(), first.GetProperty("version").GetInt32()));
        Assert.Equal(3, second.GetProperty("version").GetInt32());
        Assert.False((await JsonAsync(off)).TryGetProperty("lowStockThreshold", out _));
        var low = Assert.Single(inventory.Wire.ReceivedOf<StockLevelLow>(), e => e.Sku == sku);
        Assert.Equal((5, 9, 3), (low.Available, low.Threshold, low.ProductVersion));
    }

    [Theory]
    [InlineData("""{"threshold":-1}""", "validation")]
    [InlineData("""{"threshold":1000000001}""", "validation")]
    [InlineData("""{"threshold":1.5}""", "malformed-request")]
    [InlineData("""{"threshold":"5"}""", "malformed-request")]
    [InlineData("{}", "malformed-request")]
    [InlineData("5", "malformed-request")]
    public async Task An_invalid_threshold_is_rejected(string body, string code)
    {
        var sku = await inventory.StockedAsync(5);

        await IsProblemAsync(await WatchAsync(sku, body), 400, code);
        Assert.DoesNotContain("lowStockThreshold", await inventory.Customer.GetStringAsync($"/products/{sku}"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unlisted_product_has_no_threshold()
    {
        await IsProblemAsync(await WatchAsync(NewSku(), """{"threshold":5}"""), 404, "not-found");
        await IsProblemAsync(await WatchAsync("TEA%201", """{"threshold":5}"""), 404, "not-found");
    }

    private static Task<JsonElement> JsonAsync(HttpResponseMessage answer) => answer.Content.ReadFromJsonAsync<JsonElement>();

    private async Task<string> WatchedAsync(int quantity, int threshold)
    {
        var sku = await inventory.StockedAsync(quantity);
        Assert.Equal(HttpStatusCode.OK, (await WatchAsync(sku, $$"""{"threshold":{{threshold}}}""")).StatusCode);
        return sku;
    }

    private Task<HttpResponseMessage> WatchAsync(string sku, string body) =>
        inventory.Staff.PutAsync($"/products/{sku}/low-stock-threshold", Json(body));

    private async Task AdjustAsync(string sku, int quantity) => (await inventory.Staff.PostAsJsonAsync(
        $"/products/{sku}/adjustments", new { quantity, reason = "count" })).EnsureSuccessStatusCode();
}
