using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Shop.Contracts.Inventory.V1;
using Shop.Contracts.Ordering.V1;

namespace Shop.Inventory.Tests;

/// <summary>One running Inventory for all tests that need it: each of them uses skus of its own.</summary>
[CollectionDefinition(Name)]
public sealed class InventoryService : ServiceFixture<Program>, IAsyncLifetime, ICollectionFixture<InventoryService>
{
    public const string Name = "A running Inventory";

    private readonly ConcurrentDictionary<string, long> _counted = new();
    private readonly MeterListener _meters = new();

    public InventoryService()
    {
        _meters.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Name == "shop.inbox.deduplicated" || instrument.Meter.Name == InventoryTelemetry.Name)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _meters.SetMeasurementEventCallback<long>((instrument, count, tags, _) => _counted.AddOrUpdate(
            tags.Length > 0 ? (string)tags[0].Value! : instrument.Name, count, (_, sum) => sum + count));
        _meters.Start();
    }

    public HttpClient Staff => Client(TestTokens.Staff());

    public HttpClient Customer => Client(TestTokens.Customer());

    protected override IReadOnlyDictionary<string, string?> Settings =>
        new Dictionary<string, string?> { ["Inventory:SweepInterval"] = "00:00:00.050" };

    public static string NewSku(string prefix = "SKU") => $"{prefix}-{Guid.CreateVersion7():N}";

    public static OrderPlaced Placed(params (string Sku, int Quantity)[] lines) => new(
        Guid.CreateVersion7(), TimeProvider.System.GetUtcNow(), Guid.CreateVersion7(), 1, "ada",
        [.. lines.Select(line => new OrderPlaced.Line(line.Sku, line.Quantity, 1))], 0, 1, "EUR");

    public static OrderCancelled Cancelled(Guid orderId) => new(
        Guid.CreateVersion7(), TimeProvider.System.GetUtcNow(), orderId, 2, "ada", "customer-request", false, 1, "EUR");

    public static OrderShipped Shipped(Guid orderId) => new(Guid.CreateVersion7(), TimeProvider.System.GetUtcNow(), orderId, 3, "ada");

    public static StringContent Json(string body) => new(body, Encoding.UTF8, "application/json");

    public static Task<JsonElement> JsonAsync(HttpResponseMessage answer) => answer.Content.ReadFromJsonAsync<JsonElement>();

    public static async Task IsProblemAsync(HttpResponseMessage answer, int status, string code)
    {
        var body = await answer.Content.ReadAsStringAsync();
        Assert.True((int)answer.StatusCode == status, $"{(int)answer.StatusCode} instead of {status}: {body}");
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        Assert.Equal($"urn:shop:problem:{code}", JsonSerializer.Deserialize<JsonElement>(body).GetProperty("type").GetString());
    }

    public static async Task<List<T>> ReadAllAsync<T>(HttpClient client, string path, Func<JsonElement, T> select)
    {
        List<T> read = [];
        string? cursor = null;
        do
        {
            var page = await client.GetFromJsonAsync<JsonElement>(cursor is null ? path : $"{path}&cursor={cursor}");
            Assert.InRange(page.GetProperty("items").GetArrayLength(), 1, 2);
            read.AddRange(page.GetProperty("items").EnumerateArray().Select(select));
            cursor = page.GetProperty("nextCursor").GetString();
        }
        while (cursor is not null);

        return read;
    }

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

    public async Task<HttpResponseMessage> ReceiveAsync(string sku, string body, string? key = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/products/{sku}/receipts") { Content = Json(body) };
        if (key is not null)
        {
            request.Headers.Add("Idempotency-Key", key);
        }

        return await Staff.SendAsync(request);
    }

    /// <summary>On hand, reserved and shipped, by the API.</summary>
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

    /// <summary>Waits until a consumer has processed an event: its inbox row is committed with its effects.</summary>
    public Task ConsumedAsync(string consumer, Guid eventId) => Eventually.HoldsAsync($"{consumer} has processed {eventId}",
        async () => await Database.ScalarAsync<long>(
            $"SELECT count(*) FROM inbox WHERE event_id = '{eventId}' AND consumer = 'inventory.{consumer}'") == 1);

    public long Deduplicated(string consumer) => Counted($"inventory.{consumer}");

    public long Counted(string instrument) => _counted.GetValueOrDefault(instrument);

    /// <summary>Places orders and waits until Inventory has decided about each.</summary>
    public async Task DecidedAsync(params IReadOnlyList<OrderPlaced> orders)
    {
        await Wire.PublishAsync(orders);
        await Eventually.IsAsync("every order is decided about", () => Database.ScalarAsync<long>(
            $"SELECT count(*) FROM reservations WHERE order_id IN ({Ids(orders)})"), decided => decided == orders.Count);
    }

    /// <summary>
    /// Two days go by for these orders: their reservations are due. Takes the locks that Inventory takes, in its order: beside a batch
    /// that works on the same orders it would be a deadlock else.
    /// </summary>
    public async Task TimeGoesByAsync(params IReadOnlyList<OrderPlaced> orders) => Assert.Equal(orders.Count, await Database.ExecuteAsync($$"""
        SELECT pg_advisory_xact_lock(hashtextextended('order:' || id, 0))
            FROM unnest('{{{string.Join(',', orders.Select(order => order.OrderId).Order())}}}'::uuid[]) AS id;
        UPDATE reservations SET decided_at = decided_at - interval '2 days', expires_at = expires_at - interval '2 days'
            WHERE order_id IN ({{Ids(orders)}})
        """));

    public Task<string> StatusAsync(OrderPlaced order) =>
        Database.ScalarAsync<string>($"SELECT status FROM reservations WHERE order_id = '{order.OrderId}'");

    public Task StatusBecomesAsync(OrderPlaced order, string status) =>
        Eventually.IsAsync($"order {order.OrderId} is {status}", () => StatusAsync(order), read => read == status);

    /// <summary>Returns when all events until now are published and received.</summary>
    public async Task AllPublishedAsync()
    {
        await Eventually.HoldsAsync("the outbox is empty", async () => await Database.ScalarAsync<long>(
            "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM outbox_parked)") == 0);
        var probe = await StockedAsync(0);
        await Wire.ReceiveAsync<ProductListed>("all events published before are received", e => e.Sku == probe);
    }

    /// <summary>I3, in one snapshot and for every sku: each column is the sum of its movements, and no unit was never received.</summary>
    public async Task LedgerAgreesAsync() => Assert.Equal("", await Database.ScalarAsync<string>("""
        WITH sums AS (
            SELECT sku, coalesce(sum(quantity) FILTER (WHERE kind IN ('received', 'adjusted')), 0) AS came,
                coalesce(sum(quantity) FILTER (WHERE kind IN ('reserved', 'reclaimed')), 0) AS taken,
                coalesce(sum(quantity) FILTER (WHERE kind IN ('released', 'expired')), 0) AS returned,
                coalesce(sum(quantity) FILTER (WHERE kind = 'shipped'), 0) AS shipped
            FROM stock_movements GROUP BY sku)
        SELECT coalesce(string_agg(format('%s: %s on hand, %s reserved, %s shipped', p.sku, p.on_hand, p.reserved, p.shipped), '; '), '')
        FROM products p LEFT JOIN sums s USING (sku)
        WHERE p.on_hand <> coalesce(s.came - s.taken + s.returned, 0)
            OR p.reserved <> coalesce(s.taken - s.returned - s.shipped, 0)
            OR p.shipped <> coalesce(s.shipped, 0)
            OR p.on_hand + p.reserved + p.shipped <> coalesce(s.came, 0)
        """));

    public static string Ids(IEnumerable<OrderPlaced> orders) => string.Join(", ", orders.Select(order => $"'{order.OrderId}'"));

    public override ValueTask DisposeAsync()
    {
        _meters.Dispose();
        return base.DisposeAsync();
    }
}
