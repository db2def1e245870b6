using System.Text.Json;
using System.Text.Json.Nodes;
using Shop.Analytics.Features.Funnel;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Contracts.Ordering.V1;
using Shop.Inventory.Features.OfferProduct;
using Shop.Messaging;
using Shop.Notification.Features.PutContact;
using Shop.Ordering.Features.PlaceOrder;

namespace Shop.Flows.Tests;

/// <summary>
/// Recorded messages of the previous version are processed by the current services: no dead letters, and one effect of each message,
/// although each is delivered twice here.
/// </summary>
public sealed class PreviousProducerTests
{
    private static readonly IReadOnlyList<JsonNode> s_recorded = [.. JsonNode.Parse(File.ReadAllText(
        Path.Combine(AppContext.BaseDirectory, "recorded", "1.0.0.json")))!.AsArray().Select(message => message!)];

    private TestDatabase _ordering = null!;
    private TestDatabase _inventory = null!;
    private TestDatabase _notification = null!;
    private TestDatabase _analytics = null!;

    [Fact]
    public async Task Current_services_process_every_recorded_message_once()
    {
        await using var shop = await StartAsync();

        // First Inventory's, so that it is these answers that Ordering acts on, and not those of today's Inventory.
        await PublishAsync(shop, "inventory.");
        await ConsumedAsync(shop);
        await PublishAsync(shop, "ordering.");
        await ConsumedAsync(shop);
        await AssertQueuesEmptyAsync(shop);

        await AssertInventoryEffectsAsync();
        await AssertOrderingEffectsAsync();
        Assert.Equal(
            Sorted(s_recorded.Select(IdOf)),
            await _analytics.RowsAsync($"SELECT event_id::text FROM event_log WHERE event_id IN ({Ids(_ => true)}) ORDER BY 1"));
        Assert.Equal(
            Of<OrderPlaced>().Count,
            await _analytics.ScalarAsync<long>($"SELECT count(*) FROM order_journeys WHERE order_id IN ({Quoted(Of<OrderPlaced>(), e => e.OrderId)}) AND total > 0"));
        Assert.Equal(
            Sorted(s_recorded.Where(NotifiesByMail).Select(IdOf)),
            await _notification.RowsAsync($"SELECT event_id::text FROM notifications WHERE event_id IN ({Ids(_ => true)}) ORDER BY 1"));
    }

    /// <summary>The negative control: had a member been renamed since, these messages would be dead letters.</summary>
    [Fact]
    public async Task A_message_without_a_required_member_is_dead_lettered()
    {
        await using var shop = await WholeShop.CreateAsync();
        await shop.AddAsync<PutContactRequest>();
        shop.Start<PutContactRequest>();
        var confirmed = s_recorded.First(message => NameOf(message) == ShopEvents.Catalog.NameOf(typeof(OrderConfirmed))).DeepClone();
        confirmed["body"]!["message"]!.AsObject().Remove("customerId");

        await PublishAsync(shop, confirmed);

        await Eventually.HoldsAsync("it is a dead letter", async () =>
            await shop.Broker.CountReadyAsync("notification.customer-notifications.dead") == 1);
    }

    private async Task<WholeShop> StartAsync()
    {
        var shop = await WholeShop.CreateAsync();
        _ordering = await shop.AddAsync<PlaceOrderRequest>();
        // An order may be shipped in one queue before it is placed in another.
        _inventory = await shop.AddAsync<OfferProductRequest>(
            Enumerable.Range(0, 20).ToDictionary(n => $"Messaging:RetryDelays:{n}", string? (_) => "00:00:00.200"));
        _notification = await shop.AddAsync<PutContactRequest>(new() { ["Notifications:StaffRecipients:0"] = "staff@example.org" });
        _analytics = await shop.AddAsync<FunnelResponse>();
        await SeedAsync();
        shop.Start<PlaceOrderRequest>();
        shop.Start<OfferProductRequest>();
        shop.Start<PutContactRequest>();
        shop.Start<FunnelResponse>();

        // Placed before the recording began.
        var placed = Of<OrderPlaced>();
        await shop.Wire.PublishAsync(Of<OrderShipped>().Where(shipped => placed.All(order => order.OrderId != shipped.OrderId)).Select(shipped =>
            placed[0] with { EventId = Guid.CreateVersion7(), OrderId = shipped.OrderId, CustomerId = shipped.CustomerId }));
        await shop.RestsAsync();
        return shop;
    }

    /// <summary>What the databases had when the upgrade began: the orders that Inventory answers, and stock for those that Ordering places.</summary>
    private async Task SeedAsync()
    {
        foreach (var id in Answered())
        {
            await _ordering.ExecuteAsync($"""
                WITH placed AS (
                    INSERT INTO orders (id, customer_id, status, discount, total, currency, placed_at, version)
                    VALUES ('{id}', 'ada', 'Placed', 0, 2, 'EUR', now(), 1) RETURNING *),
                line AS (
                    INSERT INTO order_lines (order_id, sku, name, quantity, unit_price, currency)
                    SELECT id, 'DEMO-1', 'Tea', 1, 2, 'EUR' FROM placed)
                INSERT INTO orders_history (order_id, version, to_status, cause, caused_by, at)
                SELECT id, 1, 'Placed', 'customer', 'ada', now() FROM placed
                """);
        }

        foreach (var sku in Of<OrderPlaced>().SelectMany(order => order.Lines).Select(line => line.Sku).Distinct())
        {
            await _inventory.ExecuteAsync($"""
                INSERT INTO products (sku, name, unit_price, currency, on_hand, reserved, shipped, version) VALUES ('{sku}', 'Tea', 2, 'EUR', 100, 0, 0, 2);
                INSERT INTO stock_movements (id, sku, kind, quantity, at) VALUES ('{Guid.CreateVersion7()}', '{sku}', 'received', 100, now());
                """);
        }
    }

    private static async Task ConsumedAsync(WholeShop shop)
    {
        try
        {
            await shop.RestsAsync();
        }
        finally
        {
            Assert.Empty(await shop.DeadLettersAsync()); // more precise than a count of consumed messages
        }
    }

    private async Task AssertInventoryEffectsAsync()
    {
        var placed = Of<OrderPlaced>();
        Assert.Equal(
            Sorted(placed.SelectMany(order => order.Lines.Select(line => $"{order.OrderId} | {line.Sku} | {line.Quantity}"))),
            Sorted(await _inventory.RowsAsync($"""
                SELECT order_id, sku, quantity FROM stock_movements WHERE kind = 'reserved' AND order_id IN ({Quoted(placed, e => e.OrderId)})
                """)));
        Assert.Equal(
            Of<OrderShipped>().Count,
            await _inventory.ScalarAsync<long>($"SELECT count(*) FROM reservations WHERE status = 'shipped' AND order_id IN ({Quoted(Of<OrderShipped>(), e => e.OrderId)})"));
        Assert.Equal(
            Of<OrderCancelled>().Count,
            await _inventory.ScalarAsync<long>($"SELECT count(*) FROM reservations WHERE status = 'released' AND order_id IN ({Quoted(Of<OrderCancelled>(), e => e.OrderId)})"));
        await LedgerChecks.MustAddUpAsync(_inventory);
    }

    private async Task AssertOrderingEffectsAsync()
    {
        var expired = Of<StockReservationExpired>().Select(e => e.OrderId).ToHashSet();
        var failed = Of<StockReservationFailed>().Select(e => e.OrderId).ToHashSet();
        Assert.Equal(
            Sorted(Answered().Select(id => $"{id} | {(expired.Contains(id) ? "Cancelled" : failed.Contains(id) ? "Rejected" : "Confirmed")}")),
            Sorted(await _ordering.RowsAsync("SELECT id, status FROM orders")));
        Assert.Equal(
            Sorted(Of<ProductListed>().Select(e => $"{e.Sku} | {e.Name} | {e.UnitPrice:F2}").Concat(Of<ProductPriceChanged>().Select(e => $"{e.Sku} | {e.Sku} | {e.UnitPrice:F2}"))),
            Sorted(await _ordering.RowsAsync("SELECT sku, name, round(unit_price, 2) FROM products")));
    }

    /// <summary>The duplicates are consumed too: after the services stopped, no message returned to a queue.</summary>
    private static async Task AssertQueuesEmptyAsync(WholeShop shop)
    {
        await Eventually.HoldsAsync("nothing waits", () => IsEmptyAsync(shop));
        await shop.StopAsync<PlaceOrderRequest>();
        await shop.StopAsync<OfferProductRequest>();
        await shop.StopAsync<PutContactRequest>();
        await shop.StopAsync<FunnelResponse>();
        Assert.True(await IsEmptyAsync(shop));
    }

    private static async Task<bool> IsEmptyAsync(WholeShop shop)
    {
        foreach (var queue in (await shop.Broker.QueuesAsync()).Where(queue => !queue.Name.StartsWith("amq.", StringComparison.Ordinal)))
        {
            if (await shop.Broker.CountReadyAsync(queue.Name) > 0)
            {
                return false;
            }
        }

        return true;
    }

    private static async Task PublishAsync(WholeShop shop, string prefix)
    {
        foreach (var message in s_recorded.Where(message => NameOf(message).StartsWith(prefix, StringComparison.Ordinal)))
        {
            await PublishAsync(shop, message);
            await PublishAsync(shop, message);
        }
    }

    private static async Task PublishAsync(WholeShop shop, JsonNode message) => Assert.True(
        await shop.Broker.PublishAsync(NameOf(message), "", JsonSerializer.SerializeToUtf8Bytes(message["body"]), message["properties"]));

    private static HashSet<Guid> Answered() =>
    [
        .. Of<StockReserved>().Select(e => e.OrderId), .. Of<StockReservationFailed>().Select(e => e.OrderId),
        .. Of<StockReservationExpired>().Select(e => e.OrderId),
    ];

    /// <summary>Whether it notifies people: one mail each.</summary>
    private static bool NotifiesByMail(JsonNode message) => ShopEvents.Catalog.TypeOf(NameOf(message)) is { } type
        && (type == typeof(OrderConfirmed) || type == typeof(OrderRejected) || type == typeof(OrderCancelled) || type == typeof(OrderShipped)
            || type == typeof(CustomerBecamePreferred) || type == typeof(StockLevelLow));

    private static List<T> Of<T>() => [.. s_recorded.Where(message => NameOf(message) == ShopEvents.Catalog.NameOf(typeof(T)))
        .Select(message => message["body"]!["message"].Deserialize<T>(EventJson.Options)!)];

    private static string NameOf(JsonNode message) => (string)message["exchange"]!;

    private static string IdOf(JsonNode message) => (string)message["properties"]!["message_id"]!;

    private static string Ids(Func<JsonNode, bool> which) => string.Join(", ", s_recorded.Where(which).Select(message => $"'{IdOf(message)}'"));

    private static string Quoted<T>(IEnumerable<T> events, Func<T, Guid> id) => string.Join(", ", events.Select(e => $"'{id(e)}'"));

    private static List<string> Sorted(IEnumerable<string> rows) => [.. rows.Order(StringComparer.Ordinal)];
}
