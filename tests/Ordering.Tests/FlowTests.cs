using System.Net;
using Shop.Contracts.Inventory.V1;
using V1 = Shop.Contracts.Ordering.V1;

namespace Shop.Ordering.Tests;

/// <summary>How Ordering handles Inventory's answers, and what it publishes.</summary>
public sealed class FlowTests(OrderingService ordering) : IClassFixture<OrderingService>
{
    [Fact]
    public async Task A_placed_order_is_published_with_its_prices()
    {
        var sku = await ordering.ListedAsync(price: 4.25m);

        var id = (await ordering.PlaceAsync("no-regular", sku, 2)).GetProperty("id").GetGuid();

        var placed = await ordering.Wire.ReceiveAsync<V1.OrderPlaced>("OrderPlaced is published", e => e.OrderId == id);
        Assert.Equal(("no-regular", 8.50m, "EUR", 1), (placed.CustomerId, placed.Total, placed.Currency, placed.OrderVersion));
        Assert.Equal(new V1.OrderPlaced.Line(sku, 2, 4.25m), Assert.Single(placed.Lines));
    }

    [Fact]
    public async Task Reserved_stock_confirms_the_order_and_a_second_answer_changes_nothing()
    {
        var sku = await ordering.ListedAsync();
        var id = await ordering.ConfirmedAsync("ada", sku);

        await ordering.Wire.PublishAsync(OrderingService.Reserved(id, sku), OrderingService.Failed(id, sku, 1, 0));
        await ordering.ConfirmedAsync("ada", sku); // comes after them through the same queue

        var order = await ordering.StatusIsAsync(id, "confirmed");
        Assert.Equal(2, order.GetProperty("version").GetInt32());
        Assert.Single(ordering.Published<V1.OrderConfirmed>(id));
        Assert.Empty(ordering.Published<V1.OrderRejected>(id));
    }

    [Fact]
    public async Task Short_stock_rejects_and_names_the_line()
    {
        var sku = await ordering.ListedAsync();
        var id = (await ordering.PlaceAsync("ada", sku, 5)).GetProperty("id").GetGuid();

        await ordering.Wire.PublishAsync(OrderingService.Failed(id, sku, 5, 3));

        var reason = (await ordering.StatusIsAsync(id, "rejected")).GetProperty("reason");
        Assert.Equal("out-of-stock", reason.GetProperty("code").GetString());
        var line = Assert.Single(reason.GetProperty("shortLines").EnumerateArray());
        Assert.Equal((sku, 5, 3), (line.GetProperty("sku").GetString(), line.GetProperty("asked").GetInt32(), line.GetProperty("available").GetInt32()));
        var published = await ordering.Wire.ReceiveAsync<V1.OrderRejected>("OrderRejected is published", e => e.OrderId == id);
        Assert.Equal(new V1.OrderRejected.ShortLine(sku, 5, 3), Assert.Single(published.ShortLines));
    }

    [Fact]
    public async Task A_confirmation_after_a_cancel_is_ignored()
    {
        var sku = await ordering.ListedAsync();
        var id = (await ordering.PlaceAsync("ada", sku)).GetProperty("id").GetGuid();
        await OrderingService.SendAsync(ordering.As("ada"), $"/orders/{id}/cancel");

        await ordering.Wire.PublishAsync(OrderingService.Reserved(id, sku));
        await ordering.ConfirmedAsync("ada", sku);

        var order = await ordering.StatusIsAsync(id, "cancelled");
        Assert.Equal("customer-request", order.GetProperty("reason").GetProperty("code").GetString());
        Assert.Empty(ordering.Published<V1.OrderConfirmed>(id));
        Assert.False(Assert.Single(ordering.Published<V1.OrderCancelled>(id)).WasConfirmed);
    }

    [Fact]
    public async Task An_answer_for_an_unknown_order_is_not_a_failure()
    {
        var sku = await ordering.ListedAsync();
        var unknown = Guid.CreateVersion7();

        await ordering.Wire.PublishAsync(OrderingService.Reserved(unknown, sku), OrderingService.Failed(unknown, sku, 1, 0));
        await ordering.ConfirmedAsync("ada", sku);

        Assert.Equal(0, await ordering.Broker.CountReadyAsync("ordering.stock-reserved.dead"));
        Assert.Equal(0, await ordering.Broker.CountReadyAsync("ordering.stock-reservation-failed.dead"));
    }

    [Fact]
    public async Task Concurrent_cancel_and_confirm_end_in_one_of_the_two_and_are_published_in_order()
    {
        var sku = await ordering.ListedAsync();
        for (var i = 0; i < 20; i++)
        {
            var id = (await ordering.PlaceAsync("racer", sku)).GetProperty("id").GetGuid();
            var cancel = OrderingService.SendAsync(ordering.As("racer"), $"/orders/{id}/cancel");
            await ordering.Wire.PublishAsync(OrderingService.Reserved(id, sku));
            Assert.Equal(HttpStatusCode.OK, (await cancel).Status);

            // In either order the cancel succeeds, and records whether it came after the confirmation.
            await ordering.StatusIsAsync(id, "cancelled");
            var cancelled = await ordering.Wire.ReceiveAsync<V1.OrderCancelled>("OrderCancelled is published", e => e.OrderId == id);
            Assert.Equal(cancelled.WasConfirmed, ordering.Published<V1.OrderConfirmed>(id).Count == 1);
            Assert.Equal(cancelled.WasConfirmed ? 3 : 2, cancelled.OrderVersion);
        }
    }

    [Fact]
    public async Task An_invalid_price_is_dead_lettered_immediately_and_the_next_is_processed()
    {
        var now = TimeProvider.System.GetUtcNow();
        var bad = new ProductListed(Guid.CreateVersion7(), now, $"SKU-{Guid.CreateVersion7():N}", 1, "Tea", decimal.MaxValue, "EUR");

        await ordering.Wire.PublishAsync(bad);

        await Eventually.HoldsAsync("it is a dead letter", async () => await ordering.Broker.CountReadyAsync("ordering.product-prices.dead") > 0);
        var dead = Assert.Single(await ordering.Broker.PeekAsync("ordering.product-prices.dead"));
        Assert.Null(dead.Header("shop-retries")); // waiting makes it no price
        Assert.Contains("A price must be 0 to", dead.Header("MT-Fault-Message"), StringComparison.Ordinal);
        await ordering.ListedAsync();
    }

    [Fact]
    public async Task A_price_change_does_not_affect_earlier_orders()
    {
        var sku = await ordering.ListedAsync(price: 4);
        var before = (await ordering.PlaceAsync("price-watcher", sku)).GetProperty("id").GetGuid();
        var now = TimeProvider.System.GetUtcNow();

        await ordering.Wire.PublishAsync(new ProductPriceChanged(Guid.CreateVersion7(now), now, sku, 2, 5, "EUR"));
        await ordering.KnownAsync(sku, 5);
        var after = await ordering.PlaceAsync("price-watcher", sku);

        Assert.Equal(5, after.GetProperty("total").GetDecimal());
        Assert.Equal(4, (await OrderingService.GetAsync(ordering.As("price-watcher"), $"/orders/{before}")).GetProperty("total").GetDecimal());
    }

    [Fact]
    public async Task Out_of_order_and_years_old_prices_end_in_the_newest()
    {
        var sku = $"SKU-{Guid.CreateVersion7():N}";
        var now = TimeProvider.System.GetUtcNow();
        var old = now.AddYears(-3);

        await ordering.Wire.PublishAsync(new ProductPriceChanged(Guid.CreateVersion7(now), now, sku, 3, 9, "EUR"));
        await ordering.KnownAsync(sku, 9);
        await ordering.Wire.PublishAsync(
            new ProductPriceChanged(Guid.CreateVersion7(old), old, sku, 2, 7, "EUR"),
            new ProductListed(Guid.CreateVersion7(old), old, sku, 1, "Old tea", 5, "EUR"));
        await Eventually.HoldsAsync("the name has arrived", async () =>
            await ordering.Database.ScalarAsync<string>($"SELECT name FROM products WHERE sku = '{sku}'") == "Old tea");
        await ordering.ListedAsync(); // comes after them through the same queue

        Assert.Equal(9, await ordering.Database.ScalarAsync<decimal>($"SELECT unit_price FROM products WHERE sku = '{sku}'"));
    }

    [Fact]
    public async Task A_price_that_arrives_before_its_listing_can_be_ordered_at_and_is_kept()
    {
        var sku = $"SKU-{Guid.CreateVersion7():N}";
        var now = TimeProvider.System.GetUtcNow();
        await ordering.Wire.PublishAsync(new ProductPriceChanged(Guid.CreateVersion7(now), now, sku, 2, 7, "EUR"));
        await ordering.KnownAsync(sku, 7);

        var before = (await ordering.PlaceAsync("ada", sku)).GetProperty("lines")[0];
        await ordering.Wire.PublishAsync(new ProductListed(Guid.CreateVersion7(now), now, sku, 1, "Tea", 5, "EUR"));
        await Eventually.HoldsAsync("the name has arrived", async () =>
            await ordering.Database.ScalarAsync<string>($"SELECT name FROM products WHERE sku = '{sku}'") == "Tea");
        var after = (await ordering.PlaceAsync("ada", sku)).GetProperty("lines")[0];

        Assert.Equal((sku, 7m), (before.GetProperty("name").GetString(), before.GetProperty("unitPrice").GetDecimal()));
        Assert.Equal(("Tea", 7m), (after.GetProperty("name").GetString(), after.GetProperty("unitPrice").GetDecimal()));
    }

    [Fact]
    public async Task A_customer_becomes_preferred_once_however_many_orders_are_confirmed_at_the_same_time()
    {
        var sku = await ordering.ListedAsync(price: 10);
        var customer = $"regular-{Guid.CreateVersion7():N}";
        var ids = new List<Guid>();
        for (var i = 0; i < 10; i++)
        {
            ids.Add((await ordering.PlaceAsync(customer, sku)).GetProperty("id").GetGuid());
        }

        await ordering.Wire.PublishAsync(ids.Select(id => OrderingService.Reserved(id, sku)));
        await Eventually.IsAsync("all ten are counted", () => OrderingService.GetAsync(ordering.As(customer), "/customers/me"),
            me => me.GetProperty("confirmedOrders").GetInt32() == 10);

        await ordering.Wire.ReceiveAsync<V1.CustomerBecamePreferred>("the customer became preferred", e => e.CustomerId == customer);
        var next = await ordering.PlaceAsync(customer, sku);
        Assert.Equal((9.50m, 0.50m), (next.GetProperty("total").GetDecimal(), next.GetProperty("discount").GetDecimal()));
        Assert.Single(ordering.Wire.ReceivedOf<V1.CustomerBecamePreferred>(), e => e.CustomerId == customer);
    }
}
