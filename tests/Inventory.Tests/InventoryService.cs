using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Shop.Contracts.Ordering.V1;

namespace Shop.Inventory.Tests;

/// <summary>One running Inventory for all tests that need it: each of them uses skus of its own.</summary>
[CollectionDefinition(Name)]
public sealed class InventoryService : ServiceFixture<Program>, IAsyncLifetime, ICollectionFixture<InventoryService>
{
    public const string Name = "A running Inventory";

    private readonly ConcurrentDictionary<string, long> _deduplicated = new();
    private readonly MeterListener _meters = new();

    public InventoryService()
    {
        _meters.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Name == "shop.inbox.deduplicated")
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _meters.SetMeasurementEventCallback<long>((_, count, tags, _) =>
            _deduplicated.AddOrUpdate((string)tags[0].Value!, count, (_, sum) => sum + count));
        _meters.Start();
    }

    public HttpClient Staff => Client(TestTokens.Staff());

    public HttpClient Customer => Client(TestTokens.Customer());

    public static string NewSku(string prefix = "SKU") => $"{prefix}-{Guid.CreateVersion7():N}";

    public static OrderPlaced Placed(params (string Sku, int Quantity)[] lines) => new(
        Guid.CreateVersion7(), TimeProvider.System.GetUtcNow(), Guid.CreateVersion7(), 1, "ada",
        [.. lines.Select(line => new OrderPlaced.Line(line.Sku, line.Quantity, 1))], 0, 1, "EUR");

    public static OrderCancelled Cancelled(Guid orderId) => new(
        Guid.CreateVersion7(), TimeProvider.System.GetUtcNow(), orderId, 2, "ada", "customer-request", false, 1, "EUR");

    public static OrderShipped Shipped(Guid orderId) => new(Guid.CreateVersion7(), TimeProvider.System.GetUtcNow(), orderId, 3, "ada");

    public async Task<string> StockedAsync(int quantity, string? sku = null)
    {
        sku ??= NewSku();
        var listed = await Staff.PutAsJsonAsync($"/products/{sku}", new { name = "Tea", unitPrice = 4.5, currency = "EUR" });
        Assert.Equal(HttpStatusCode.Created, listed.StatusCode);
        if (quantity > 0)
        {
            var received = await Staff.PostAsJsonAsync($"/products/{sku}/receipts", new { quantity });
            Assert.Equal(HttpStatusCode.OK, received.StatusCode);
        }

        return sku;
    }

    /// <summary>On hand, reserved and shipped, as the API tells them.</summary>
    public async Task<(int OnHand, int Reserved, int Shipped)> StockAsync(string sku)
    {
        var product = await Customer.GetFromJsonAsync<JsonElement>($"/products/{sku}");
        Assert.Equal(product.GetProperty("onHand").GetInt32(), product.GetProperty("available").GetInt32());
        return (product.GetProperty("onHand").GetInt32(), product.GetProperty("reserved").GetInt32(),
            product.GetProperty("shipped").GetInt32());
    }

    public Task StockBecomesAsync(string sku, int onHand, int reserved, int shipped) => Eventually.IsAsync(
        $"{sku} has {onHand} on hand, {reserved} reserved and {shipped} shipped", () => StockAsync(sku),
        stock => stock == (onHand, reserved, shipped));

    /// <summary>Waits until a consumer has taken an event: its inbox row is committed with its effects.</summary>
    public Task ConsumedAsync(string consumer, Guid eventId) => Eventually.HoldsAsync($"{consumer} has taken {eventId}",
        async () => await Database.ScalarAsync<long>(
            $"SELECT count(*) FROM inbox WHERE event_id = '{eventId}' AND consumer = 'inventory.{consumer}'") == 1);

    public long Deduplicated(string consumer) => _deduplicated.GetValueOrDefault($"inventory.{consumer}");

    public override ValueTask DisposeAsync()
    {
        _meters.Dispose();
        return base.DisposeAsync();
    }
}
