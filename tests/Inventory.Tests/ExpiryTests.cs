using Microsoft.EntityFrameworkCore;
using Shop.Contracts.Inventory.V1;
using Shop.Inventory.Features.ExpireReservations;
using Shop.Inventory.Persistence;
using static Shop.Inventory.Tests.InventoryService;

namespace Shop.Inventory.Tests;

[Collection(InventoryService.Name)]
public sealed class ExpiryTests(InventoryService inventory, ITestOutputHelper output)
{
    [Fact]
    public async Task A_reservation_has_an_expiry()
    {
        var placed = Placed((await inventory.StockedAsync(5), 2));

        await inventory.DecidedAsync(placed);

        var reserved = await inventory.Wire.ReceiveAsync<StockReserved>("stock is reserved", e => e.OrderId == placed.OrderId);
        Assert.Equal(reserved.OccurredAt.AddDays(1), reserved.ExpiresAt);
        Assert.Equal(reserved.ExpiresAt!.Value.UtcDateTime, await inventory.Database.ScalarAsync<DateTime>(
            $"SELECT expires_at FROM reservations WHERE order_id = '{placed.OrderId}'"));
    }

    [Fact]
    public async Task An_expired_reservation_is_released_and_a_later_cancellation_is_late()
    {
        var (tea, cup) = (await inventory.StockedAsync(5), await inventory.StockedAsync(7));
        var (placed, other) = (Placed((tea, 2), (cup, 3)), Placed((tea, 1)));
        await inventory.DecidedAsync(placed, other);

        await inventory.TimeGoesByAsync(placed);

        var expired = await inventory.Wire.ReceiveAsync<StockReservationExpired>("it expires", e => e.OrderId == placed.OrderId);
        Assert.Equal(2, expired.ReservationVersion);
        Assert.Equal(new[] { (tea, 2), (cup, 3) }.OrderBy(line => line.Item1, StringComparer.Ordinal),
            expired.Lines.Select(line => (line.Sku, line.Quantity)));
        Assert.Equal((4, 1, 0), await inventory.StockAsync(tea));
        Assert.Equal((7, 0, 0), await inventory.StockAsync(cup));

        var cancelled = Cancelled(placed.OrderId);
        await inventory.Wire.PublishAsync(cancelled);
        await inventory.ConsumedAsync("order-cancelled", cancelled.EventId);

        Assert.Equal((4, 1, 0), await inventory.StockAsync(tea));
        Assert.Equal(("expired", "reserved"), (await inventory.StatusAsync(placed), await inventory.StatusAsync(other)));
        await inventory.AllPublishedAsync();
        Assert.DoesNotContain(inventory.Wire.ReceivedOf<StockReleased>(), e => e.OrderId == placed.OrderId);
        Assert.Single(inventory.Wire.ReceivedOf<StockReservationExpired>(), e => e.OrderId == placed.OrderId);
        await inventory.LedgerAgreesAsync();
    }

    [Fact]
    public async Task An_order_placed_again_under_another_event_id_after_it_expired_reserves_nothing()
    {
        var sku = await inventory.StockedAsync(5);
        var placed = Placed((sku, 2));
        await inventory.DecidedAsync(placed);
        await inventory.TimeGoesByAsync(placed);
        await inventory.StatusBecomesAsync(placed, "expired");
        var again = placed with { EventId = Guid.CreateVersion7() };

        await inventory.Wire.PublishAsync(again);
        await inventory.ConsumedAsync("order-placed", again.EventId);

        Assert.Equal((5, 0, 0), await inventory.StockAsync(sku));
        Assert.Equal("expired", await inventory.StatusAsync(placed));
    }

    [Fact]
    public async Task Concurrent_expiry_and_cancellation_release_the_stock_once()
    {
        var sku = await inventory.StockedAsync(60);
        var orders = Enumerable.Range(0, 60).Select(_ => Placed((sku, 1))).ToList();
        await inventory.DecidedAsync(orders);
        var cancellations = orders.Select(order => Cancelled(order.OrderId)).ToList();

        await inventory.TimeGoesByAsync(orders);
        await inventory.Wire.PublishAsync(cancellations);
        foreach (var cancellation in cancellations)
        {
            await inventory.ConsumedAsync("order-cancelled", cancellation.EventId);
        }

        await inventory.StockBecomesAsync(sku, 60, 0, 0);
        await inventory.AllPublishedAsync();
        var ids = orders.Select(order => order.OrderId).ToHashSet();
        var expired = inventory.Wire.ReceivedOf<StockReservationExpired>().Select(e => e.OrderId).Where(ids.Contains).ToList();
        var released = inventory.Wire.ReceivedOf<StockReleased>().Select(e => e.OrderId).Where(ids.Contains).ToList();
        output.WriteLine($"{expired.Count} expired, {released.Count} released");
        Assert.Equal(ids.Order(), expired.Concat(released).Order());
        await inventory.LedgerAgreesAsync();
    }

    [Fact]
    public async Task Concurrent_expiry_and_shipment_ship_once_and_dead_letter_nothing()
    {
        var sku = await inventory.StockedAsync(60);
        var orders = Enumerable.Range(0, 60).Select(_ => Placed((sku, 1))).ToList();
        await inventory.DecidedAsync(orders);
        var dead = await inventory.Broker.CountReadyAsync("inventory.order-shipped.dead");
        var shipments = orders.Select(order => Shipped(order.OrderId)).ToList();

        await inventory.TimeGoesByAsync([.. orders.Take(20)]);
        await inventory.StatusBecomesAsync(orders[0], "expired"); // so that at least one is shipped late
        await Task.WhenAll(inventory.Wire.PublishAsync(shipments), inventory.TimeGoesByAsync([.. orders.Skip(20).Take(20)]));
        foreach (var shipment in shipments)
        {
            await inventory.ConsumedAsync("order-shipped", shipment.EventId);
        }

        Assert.Equal((0, 0, 60), await inventory.StockAsync(sku));
        Assert.Equal(60, await inventory.Database.ScalarAsync<long>(
            $"SELECT count(*) FROM reservations WHERE status = 'shipped' AND order_id IN ({Ids(orders)})"));
        var late = await inventory.Database.ScalarAsync<long>(
            $"SELECT count(*) FROM stock_movements WHERE kind = 'reclaimed' AND order_id IN ({Ids(orders)})");
        output.WriteLine($"{late} of 60 were shipped after they had expired");
        Assert.InRange(late, 1, 40);
        Assert.Equal(dead, await inventory.Broker.CountReadyAsync("inventory.order-shipped.dead"));
        await inventory.LedgerAgreesAsync();
    }

    [Fact]
    public async Task The_query_for_expired_reservations_uses_its_index()
    {
        await using var db = new InventoryDbContext(
            new DbContextOptionsBuilder<InventoryDbContext>().UseNpgsql(inventory.Database.ConnectionString).Options);
        await db.Database.OpenConnectionAsync();
        await db.Database.ExecuteSqlAsync($"SET enable_seqscan = off; SET enable_sort = off");
        var last = new ReservationSweeper.Due(Guid.Empty, DateTimeOffset.MinValue);
        await using var query = ReservationSweeper.Queries.Due(db, last, TimeProvider.System.GetUtcNow()).Take(200).CreateDbCommand();
        query.CommandText = "EXPLAIN (FORMAT JSON) " + query.CommandText;

        Assert.Contains("ix_reservations_expires_at", (string)(await query.ExecuteScalarAsync())!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reservation_that_cannot_be_released_blocks_no_other_and_is_retried()
    {
        var (damaged, sound) = (await inventory.StockedAsync(5), await inventory.StockedAsync(5));
        var (stuck, next) = (Placed((damaged, 2)), Placed((sound, 2)));
        await inventory.DecidedAsync(stuck);
        await inventory.DecidedAsync(next);
        await inventory.Database.ExecuteAsync($"UPDATE products SET reserved = 0 WHERE sku = '{damaged}'");

        await inventory.TimeGoesByAsync(stuck, next);

        await inventory.StatusBecomesAsync(next, "expired");
        Assert.Equal((5, 0, 0), await inventory.StockAsync(sound));
        Assert.Equal("reserved", await inventory.StatusAsync(stuck));
        await inventory.Database.ExecuteAsync($"UPDATE products SET reserved = 2 WHERE sku = '{damaged}'");
        await inventory.StatusBecomesAsync(stuck, "expired");
        Assert.Equal((5, 0, 0), await inventory.StockAsync(damaged));
    }
}
