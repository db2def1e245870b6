using Npgsql;
using Shop.Contracts.Inventory.V1;
using static Shop.Inventory.Tests.InventoryService;

namespace Shop.Inventory.Tests;

[Collection(InventoryService.Name)]
public sealed class StockFlowTests(InventoryService inventory)
{
    [Fact]
    public async Task An_order_with_enough_stock_is_reserved_as_a_whole()
    {
        var (tea, cup) = (await inventory.StockedAsync(10), await inventory.StockedAsync(3));
        var placed = Placed((tea, 4), (cup, 3));

        await inventory.Wire.PublishAsync(placed);

        var reserved = await inventory.Wire.ReceiveAsync<StockReserved>("stock is reserved", e => e.OrderId == placed.OrderId);
        Assert.Equal(1, reserved.ReservationVersion);
        Assert.Equal([(tea, 4), (cup, 3)],
            reserved.Lines.Select(line => (line.Sku, line.Quantity)).OrderByDescending(line => line.Quantity));
        Assert.Equal((6, 4, 0), await inventory.StockAsync(tea));
        Assert.Equal((0, 3, 0), await inventory.StockAsync(cup));
        var received = inventory.Wire.Received.Single(e => e.EventId == reserved.EventId);
        Assert.Equal((placed.EventId.ToString(), placed.OrderId.ToString()),
            (received.Headers["causation-id"], received.Headers["aggregate-id"]));
    }

    [Fact]
    public async Task One_short_line_reserves_nothing_and_every_short_line_is_named()
    {
        var (enough, few, none) = (await inventory.StockedAsync(10), await inventory.StockedAsync(2), await inventory.StockedAsync(0));
        var placed = Placed((enough, 1), (few, 3), (none, 1));

        await inventory.Wire.PublishAsync(placed);

        var failed = await inventory.Wire.ReceiveAsync<StockReservationFailed>("the reservation fails", e => e.OrderId == placed.OrderId);
        Assert.Equal(
            new[] { (few, 3, 2), (none, 1, 0) }.OrderBy(line => line.Item1, StringComparer.Ordinal),
            failed.ShortLines.Select(line => (line.Sku, line.Asked, line.Available)));
        Assert.Equal((10, 0, 0), await inventory.StockAsync(enough));
        Assert.Equal((2, 0, 0), await inventory.StockAsync(few));
        Assert.Equal(1, await inventory.Database.ScalarAsync<long>($"SELECT count(*) FROM stock_movements WHERE sku = '{enough}'"));
    }

    [Fact]
    public async Task An_unknown_sku_has_nothing_available()
    {
        var placed = Placed(("no such thing", 1));

        await inventory.Wire.PublishAsync(placed);

        var failed = await inventory.Wire.ReceiveAsync<StockReservationFailed>("the reservation fails", e => e.OrderId == placed.OrderId);
        Assert.Equal(new StockReservationFailed.ShortLine("no such thing", 1, 0), Assert.Single(failed.ShortLines));
    }

    [Fact]
    public async Task A_hundred_concurrent_orders_for_ten_units_get_exactly_ten()
    {
        var (tea, cup) = (await inventory.StockedAsync(10), await inventory.StockedAsync(1_000));
        var orders = Enumerable.Range(0, 100).Select(i => i % 2 == 0 ? Placed((tea, 1), (cup, 2)) : Placed((cup, 2), (tea, 1))).ToList();
        var ids = orders.Select(order => order.OrderId).ToHashSet();

        await inventory.Wire.PublishAsync(orders);

        await Eventually.IsAsync("every order is answered",
            () => Task.FromResult((Reserved: inventory.Wire.ReceivedOf<StockReserved>().Count(e => ids.Contains(e.OrderId)),
                Failed: inventory.Wire.ReceivedOf<StockReservationFailed>().Count(e => ids.Contains(e.OrderId)))),
            answers => answers == (10, 90));
        Assert.Equal((0, 10, 0), await inventory.StockAsync(tea));
        Assert.Equal((980, 20, 0), await inventory.StockAsync(cup));
        await inventory.LedgerAgreesAsync();
    }

    [Fact]
    public async Task Concurrent_receipts_orders_and_cancellations_lose_no_unit_and_never_deadlock()
    {
        // Enough for all orders before anything is received or given back: which of them comes first is up to the machine.
        var skus = new[] { await inventory.StockedAsync(60), await inventory.StockedAsync(60), await inventory.StockedAsync(60) };
        var deadlocks = await DeadlocksAsync();
        var orders = Enumerable.Range(0, 60).Select(i => Placed((skus[i % 3], 1), (skus[(i + 1) % 3], 1), (skus[(i + 2) % 3], 1))).ToList();
        var receipts = Enumerable.Range(0, 30).Select(i => inventory.Staff.PostAsync($"/products/{skus[i % 3]}/receipts",
            new StringContent("""{"quantity":1}""", System.Text.Encoding.UTF8, "application/json"))).ToList();

        await Task.WhenAll(inventory.Wire.PublishAsync(orders),
            inventory.Wire.PublishAsync(orders.Take(30).Select(order => Cancelled(order.OrderId))));

        foreach (var receipt in await Task.WhenAll(receipts))
        {
            Assert.Equal(System.Net.HttpStatusCode.OK, receipt.StatusCode);
        }

        foreach (var order in orders)
        {
            await inventory.ConsumedAsync("order-placed", order.EventId);
        }

        // Each product received 70 units; 30 orders keep one of each, and the cancelled orders released theirs.
        foreach (var sku in skus)
        {
            await inventory.StockBecomesAsync(sku, 40, 30, 0);
        }

        Assert.Equal(deadlocks, await DeadlocksAsync());
        await inventory.LedgerAgreesAsync();
    }

    [Fact]
    public async Task A_cancellation_that_arrives_before_its_order_makes_the_order_reserve_nothing()
    {
        var sku = await inventory.StockedAsync(5);
        var placed = Placed((sku, 2));
        var cancelled = Cancelled(placed.OrderId);

        await inventory.Wire.PublishAsync(cancelled);
        await inventory.ConsumedAsync("order-cancelled", cancelled.EventId);
        await inventory.Wire.PublishAsync(placed);
        await inventory.ConsumedAsync("order-placed", placed.EventId);

        Assert.Equal((5, 0, 0), await inventory.StockAsync(sku));
        Assert.Equal("released", await StatusAsync(placed.OrderId));
        Assert.Equal(0, await inventory.Database.ScalarAsync<long>(
            $"SELECT count(*) FROM stock_movements WHERE order_id = '{placed.OrderId}'"));
        await AssertNothingElsePublishedAsync(placed.OrderId, 0);
    }

    [Fact]
    public async Task A_cancellation_releases_its_reservation_once()
    {
        var sku = await inventory.StockedAsync(5);
        var placed = Placed((sku, 2));
        await inventory.Wire.PublishAsync(placed);
        await inventory.StockBecomesAsync(sku, 3, 2, 0);
        var (cancelled, again) = (Cancelled(placed.OrderId), Cancelled(placed.OrderId));

        await inventory.Wire.PublishAsync(cancelled, again);
        await inventory.ConsumedAsync("order-cancelled", cancelled.EventId);
        await inventory.ConsumedAsync("order-cancelled", again.EventId);

        var released = await inventory.Wire.ReceiveAsync<StockReleased>("stock is released", e => e.OrderId == placed.OrderId);
        Assert.Equal(2, released.ReservationVersion);
        Assert.Equal(new StockReleased.Line(sku, 2), Assert.Single(released.Lines));
        Assert.Equal((5, 0, 0), await inventory.StockAsync(sku));
        await AssertNothingElsePublishedAsync(placed.OrderId, 2);
    }

    [Fact]
    public async Task A_cancellation_of_an_order_without_a_reservation_changes_nothing()
    {
        var sku = await inventory.StockedAsync(1);
        var placed = Placed((sku, 2));
        await inventory.Wire.PublishAsync(placed);
        await inventory.ConsumedAsync("order-placed", placed.EventId);
        var cancelled = Cancelled(placed.OrderId);

        await inventory.Wire.PublishAsync(cancelled);
        await inventory.ConsumedAsync("order-cancelled", cancelled.EventId);

        Assert.Equal((1, 0, 0), await inventory.StockAsync(sku));
        Assert.Equal("failed", await StatusAsync(placed.OrderId));
    }

    [Fact]
    public async Task Shipping_books_the_reserved_units_once()
    {
        var sku = await inventory.StockedAsync(5);
        var placed = Placed((sku, 2));
        await inventory.Wire.PublishAsync(placed);
        await inventory.StockBecomesAsync(sku, 3, 2, 0);
        var (shipped, again) = (Shipped(placed.OrderId), Shipped(placed.OrderId));

        await inventory.Wire.PublishAsync(shipped, again);
        await inventory.ConsumedAsync("order-shipped", shipped.EventId);
        await inventory.ConsumedAsync("order-shipped", again.EventId);

        Assert.Equal((3, 0, 2), await inventory.StockAsync(sku));
        Assert.Equal("shipped", await StatusAsync(placed.OrderId));
        await AssertNothingElsePublishedAsync(placed.OrderId, 1);
        await inventory.LedgerAgreesAsync();
    }

    [Fact]
    public async Task A_shipment_of_an_unknown_order_is_dead_lettered()
    {
        var shipped = Shipped(Guid.CreateVersion7());

        await inventory.Wire.PublishAsync(shipped);

        await Eventually.HoldsAsync("the message is a dead letter", async () =>
            (await inventory.Broker.PeekAsync("inventory.order-shipped.dead"))
                .Any(message => message.Text.Contains(shipped.OrderId.ToString(), StringComparison.Ordinal)));
        Assert.Equal(0, await inventory.Database.ScalarAsync<long>($"SELECT count(*) FROM inbox WHERE event_id = '{shipped.EventId}'"));
    }

    [Fact]
    public async Task A_duplicate_event_is_not_processed()
    {
        var sku = await inventory.StockedAsync(5);
        var placed = Placed((sku, 2));
        await inventory.Wire.PublishAsync(placed);
        await inventory.ConsumedAsync("order-placed", placed.EventId);
        var before = inventory.Deduplicated("order-placed");

        await inventory.Wire.PublishAsync(placed);

        await Eventually.HoldsAsync("the repeat is recognised", () => inventory.Deduplicated("order-placed") == before + 1);
        Assert.Equal((3, 2, 0), await inventory.StockAsync(sku));
        await AssertNothingElsePublishedAsync(placed.OrderId, 1);
    }

    [Fact]
    public async Task The_same_order_under_another_event_id_is_not_processed_again()
    {
        var sku = await inventory.StockedAsync(5);
        var placed = Placed((sku, 2));
        var again = placed with { EventId = Guid.CreateVersion7() };

        await inventory.Wire.PublishAsync(placed, again);
        await inventory.ConsumedAsync("order-placed", placed.EventId);
        await inventory.ConsumedAsync("order-placed", again.EventId);
        await inventory.Database.ExecuteAsync($"DELETE FROM inbox WHERE event_id = '{placed.EventId}'");
        await inventory.Wire.PublishAsync(placed);
        await inventory.ConsumedAsync("order-placed", placed.EventId);

        Assert.Equal((3, 2, 0), await inventory.StockAsync(sku));
        await AssertNothingElsePublishedAsync(placed.OrderId, 1);
    }

    [Fact]
    public async Task The_ledger_rejects_changes_and_duplicate_movements()
    {
        var sku = await inventory.StockedAsync(5);
        var placed = Placed((sku, 2));
        await inventory.Wire.PublishAsync(placed);
        await inventory.ConsumedAsync("order-placed", placed.EventId);

        string[] changes = ["UPDATE stock_movements SET quantity = 1", "DELETE FROM stock_movements", "TRUNCATE stock_movements"];
        foreach (var change in changes)
        {
            var refused = await Assert.ThrowsAsync<PostgresException>(() => inventory.Database.ExecuteAsync(change));
            Assert.Equal("23001", refused.SqlState);
        }

        var twice = await Assert.ThrowsAsync<PostgresException>(() => inventory.Database.ExecuteAsync(
            "INSERT INTO stock_movements (id, sku, kind, quantity, order_id, at) "
            + $"SELECT gen_random_uuid(), sku, kind, quantity, order_id, at FROM stock_movements WHERE order_id = '{placed.OrderId}'"));
        Assert.Equal(PostgresErrorCodes.UniqueViolation, twice.SqlState);
        var negative = await Assert.ThrowsAsync<PostgresException>(() => inventory.Database.ExecuteAsync(
            $"UPDATE products SET on_hand = on_hand - 4 WHERE sku = '{sku}'"));
        Assert.Equal("products_stock", negative.ConstraintName);
        await inventory.LedgerAgreesAsync();
    }

    private Task<long> DeadlocksAsync() => inventory.Database.ScalarAsync<long>(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()");

    private Task<string> StatusAsync(Guid orderId) =>
        inventory.Database.ScalarAsync<string>($"SELECT status FROM reservations WHERE order_id = '{orderId}'");

    /// <summary>Once the outbox is empty, all events of an order are published.</summary>
    private async Task AssertNothingElsePublishedAsync(Guid orderId, int said)
    {
        await inventory.AllPublishedAsync();
        Assert.Equal(said, inventory.Wire.Received.Count(e => e.Headers["aggregate-id"] == orderId.ToString()));
    }
}
