using System.Net;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging;
using V1 = Shop.Contracts.Ordering.V1;

namespace Shop.Ordering.Tests;

/// <summary>Two concurrent commands on one order: one wins, and its outcome is published.</summary>
public sealed class RaceTests(OrderingService ordering) : IClassFixture<OrderingService>
{
    private const int Rounds = 30;

    [Fact]
    public async Task Cancel_and_StockReserved() => await RaceAsync(false, "cancelled", async (id, sku) => await Task.WhenAll(
        CancelAsync(id, HttpStatusCode.OK),
        ordering.Wire.PublishAsync(OrderingService.Reserved(id, sku))));

    [Fact]
    public async Task Cancel_and_ship() => await RaceAsync(true, null, async (id, _) =>
    {
        var cancel = OrderingService.SendAsync(ordering.As("racer"), $"/orders/{id}/cancel");
        var ship = OrderingService.SendAsync(ordering.AsStaff(), $"/orders/{id}/ship");

        // One of them is too late and is rejected.
        Assert.Equal([HttpStatusCode.OK, HttpStatusCode.Conflict], ((HttpStatusCode[])[(await cancel).Status, (await ship).Status]).Order());
    });

    [Fact]
    public async Task Two_cancels() => await RaceAsync(false, "cancelled", async (id, _) => await Task.WhenAll(
        CancelAsync(id, HttpStatusCode.OK), CancelAsync(id, HttpStatusCode.OK), CancelAsync(id, HttpStatusCode.OK)));

    [Fact]
    public async Task Two_ships() => await RaceAsync(true, "shipped", async (id, _) => await Task.WhenAll(
        ShipAsync(id, HttpStatusCode.OK), ShipAsync(id, HttpStatusCode.OK)));

    [Fact]
    public async Task The_deadline_and_StockReserved() => await RaceAsync(false, null, async (id, sku) => await Task.WhenAll(
        ordering.AgeAsync(id), ordering.Wire.PublishAsync(OrderingService.Reserved(id, sku))));

    [Fact]
    public async Task The_deadline_a_cancel_and_a_failed_reservation() => await RaceAsync(false, null, async (id, sku) => await Task.WhenAll(
        ordering.AgeAsync(id),
        OrderingService.SendAsync(ordering.As("racer"), $"/orders/{id}/cancel"),
        ordering.Wire.PublishAsync(OrderingService.Failed(id, sku, 1, 0))));

    [Fact]
    public async Task A_consumer_in_conflict_with_a_cancel_retries_and_ignores_its_event_as_late()
    {
        var sku = await ordering.ListedAsync();
        var id = (await ordering.PlaceAsync("ada", sku)).GetProperty("id").GetGuid();
        var late = ordering.Late.Of<StockReserved>("late");

        // Another transaction cancels, as an instance of the service would, and commits while the consumer, which has read the
        // order as placed, waits to write.
        var cancel = await ordering.HoldAsync($"""
            UPDATE orders SET status = 'Cancelled', reason = 'customer-request', version = 2 WHERE id = '{id}';
            INSERT INTO orders_history (order_id, version, from_status, to_status, reason, cause, caused_by, at)
            VALUES ('{id}', 2, 'Placed', 'Cancelled', 'customer-request', 'customer', 'ada', now())
            """);
        await ordering.Wire.PublishAsync(OrderingService.Reserved(id, sku));
        await ordering.LockIsAwaitedAsync(cancel);
        await cancel.CommitAsync();
        await Eventually.HoldsAsync("the event was counted as late", () => ordering.Late.Of<StockReserved>("late") > late);

        await ordering.AllPublishedAsync();
        await ordering.StatusIsAsync(id, "cancelled");
        Assert.Equal(["1 Placed customer", "2 Placed Cancelled customer"], await ordering.HistoryAsync(id));
        Assert.Empty(ordering.Published<V1.OrderConfirmed>(id));
        Assert.Equal(0, await ordering.Broker.CountReadyAsync("ordering.stock-reserved.dead"));
    }

    [Fact]
    public async Task A_consumer_in_conflict_by_the_orders_version_alone_retries_too()
    {
        var sku = await ordering.ListedAsync();
        var id = (await ordering.PlaceAsync("ada", sku)).GetProperty("id").GetGuid();

        // Only the order's version detects this conflict.
        var cancel = await ordering.HoldAsync(
            $"UPDATE orders SET status = 'Cancelled', reason = 'customer-request', version = 2 WHERE id = '{id}'");
        await ordering.Wire.PublishAsync(OrderingService.Reserved(id, sku));
        await ordering.LockIsAwaitedAsync(cancel);
        await cancel.CommitAsync();
        await Eventually.HoldsAsync("the event was processed", async () => await ordering.Database.ScalarAsync<int>(
            $"SELECT reservation_version FROM orders WHERE id = '{id}'") == 1);

        await ordering.AllPublishedAsync();
        await ordering.StatusIsAsync(id, "cancelled");
        Assert.Empty(ordering.Published<V1.OrderConfirmed>(id));
    }

    private async Task RaceAsync(bool confirmed, string? end, Func<Guid, string, Task> race)
    {
        var sku = await ordering.ListedAsync();
        var ids = new List<Guid>();
        for (var i = 0; i < Rounds; i++)
        {
            var id = confirmed
                ? await ordering.ConfirmedAsync("racer", sku)
                : (await ordering.PlaceAsync("racer", sku)).GetProperty("id").GetGuid();
            ids.Add(id);
            await race(id, sku);
        }

        await IdleAsync();
        foreach (var id in ids)
        {
            await AssertOneWayAsync(id, end);
        }

        foreach (var queue in (string[])["stock-reserved", "stock-reservation-failed"])
        {
            Assert.Equal(0, await ordering.Broker.CountReadyAsync($"ordering.{queue}.dead"));
        }

        Assert.Equal(0, await ordering.Database.ScalarAsync<long>("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"));
    }

    /// <summary>Nothing is in flight: all messages are processed and all events published.</summary>
    private async Task IdleAsync()
    {
        var sku = await ordering.ListedAsync();
        var last = (await ordering.PlaceAsync("racer", sku)).GetProperty("id").GetGuid();
        await ordering.Wire.PublishAsync(OrderingService.Reserved(last, sku), OrderingService.Failed(Guid.CreateVersion7(), sku, 1, 0));
        await ordering.StatusIsAsync(last, "confirmed");
        await Eventually.HoldsAsync("no message waits", async () => (await ordering.Broker.QueuesAsync())
            .Where(queue => queue.Name.StartsWith("ordering.stock", StringComparison.Ordinal)).All(queue => queue.Ready + queue.Unacknowledged == 0));
        await ordering.AllPublishedAsync();
    }

    /// <summary>The history has no gaps; the order has its last status; the events match it, each once and in order.</summary>
    private async Task AssertOneWayAsync(Guid id, string? end)
    {
        var order = await OrderingService.GetAsync(ordering.AsStaff(), $"/orders/{id}");
        var status = order.GetProperty("status").GetString();
        var history = (await ordering.HistoryAsync(id)).Select(line => line.Split(' ')).ToList();
        Assert.Equal(Enumerable.Range(1, order.GetProperty("version").GetInt32()).Select(version => $"{version}"), history.Select(line => line[0]));
        Assert.Equal(status, history[^1][^2].ToLowerInvariant());
        Assert.All(history.Zip(history.Skip(1)), pair => Assert.Equal(pair.First[^2], pair.Second[1]));
        Assert.Contains(status, (string[])["confirmed", "rejected", "cancelled", "shipped"]);
        if (end is not null)
        {
            Assert.Equal(end, status);
        }

        IIntegrationEvent[] ends =
            [.. ordering.Published<V1.OrderRejected>(id), .. ordering.Published<V1.OrderCancelled>(id), .. ordering.Published<V1.OrderShipped>(id)];
        Assert.Equal(status == "confirmed" ? 0 : 1, ends.Length);
        Assert.Equal(history.Count(line => line[^2] == "Confirmed"), ordering.Published<V1.OrderConfirmed>(id).Count);
        var versions = ordering.Wire.Received.Where(received => received.Message.TryGetProperty("orderId", out var of) && of.GetGuid() == id)
            .DistinctBy(received => received.EventId) // in whatever versions it is published
            .Select(received => received.Message.GetProperty("orderVersion").GetInt32());
        Assert.Equal(Enumerable.Range(1, history.Count), versions);
    }

    private async Task CancelAsync(Guid id, HttpStatusCode expected) =>
        Assert.Equal(expected, (await OrderingService.SendAsync(ordering.As("racer"), $"/orders/{id}/cancel")).Status);

    private async Task ShipAsync(Guid id, HttpStatusCode expected) =>
        Assert.Equal(expected, (await OrderingService.SendAsync(ordering.AsStaff(), $"/orders/{id}/ship")).Status);
}
