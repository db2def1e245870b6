using System.Net;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging;
using V1 = Shop.Contracts.Ordering.V1;

namespace Shop.Ordering.Tests;

/// <summary>
/// Events of Inventory that come late, out of order, or for an order that is not here. An attempt that starts again after a conflict
/// counts an event as late again.
/// </summary>
public sealed class LateEventTests(OrderingService ordering) : IClassFixture<OrderingService>
{
    [Fact]
    public async Task An_expired_reservation_cancels_the_confirmed_order_with_its_reason()
    {
        var sku = await ordering.ListedAsync();
        var id = await ordering.ConfirmedAsync("ada", sku);

        await ordering.Wire.PublishAsync(OrderingService.Expired(id, sku));

        var order = await ordering.StatusIsAsync(id, "cancelled");
        Assert.Equal("reservation-expired", order.GetProperty("reason").GetProperty("code").GetString());
        var published = await ordering.Wire.ReceiveAsync<V1.OrderCancelled>("OrderCancelled is published", e => e.OrderId == id);
        Assert.Equal(("reservation-expired", true, 3), (published.Reason, published.WasConfirmed, published.OrderVersion));
    }

    [Fact]
    public async Task An_expiry_that_arrives_before_its_reservation_cancels_and_the_reservation_is_late()
    {
        var sku = await ordering.ListedAsync();
        var id = (await ordering.PlaceAsync("ada", sku)).GetProperty("id").GetGuid();
        var late = ordering.Late.Of<StockReserved>("late");

        await ordering.Wire.PublishAsync(OrderingService.Expired(id, sku, version: 2));
        await ordering.StatusIsAsync(id, "cancelled");
        await ordering.Wire.PublishAsync(OrderingService.Reserved(id, sku, version: 1));
        await Eventually.HoldsAsync("the reservation was counted as late", () => ordering.Late.Of<StockReserved>("late") > late);

        await ordering.AllPublishedAsync();
        Assert.Equal("reservation-expired", (await ordering.StatusIsAsync(id, "cancelled")).GetProperty("reason").GetProperty("code").GetString());
        Assert.Equal(["1 Placed customer", "2 Placed Cancelled event"], await ordering.HistoryAsync(id));
        Assert.Empty(ordering.Published<V1.OrderConfirmed>(id));
        Assert.False(Assert.Single(ordering.Published<V1.OrderCancelled>(id)).WasConfirmed);
    }

    [Fact]
    public async Task A_reservation_that_expires_as_Ordering_confirms_cancels_the_order()
    {
        var sku = await ordering.ListedAsync();
        var ids = new List<Guid>();
        var answers = new List<IIntegrationEvent>();
        for (var i = 0; i < 25; i++)
        {
            var id = (await ordering.PlaceAsync("racer", sku)).GetProperty("id").GetGuid();
            ids.Add(id);
            var (reserved, expired) = (OrderingService.Reserved(id, sku, version: 1), OrderingService.Expired(id, sku, version: 2));
            answers.AddRange([reserved, expired]);
            await Task.WhenAll(ordering.Wire.PublishAsync(reserved), ordering.Wire.PublishAsync(expired));
        }

        await ordering.ConsumedAsync(answers); // a late one that comes later would be counted in another test
        foreach (var id in ids)
        {
            await ordering.StatusIsAsync(id, "cancelled");
        }

        await ordering.AllPublishedAsync();
        foreach (var id in ids)
        {
            var cancelled = Assert.Single(ordering.Published<V1.OrderCancelled>(id));
            Assert.Equal(cancelled.WasConfirmed, ordering.Published<V1.OrderConfirmed>(id).Count == 1);
            Assert.Equal("reservation-expired", cancelled.Reason);
        }
    }

    [Fact]
    public async Task A_reservation_that_expires_after_the_order_was_shipped_or_cancelled_is_late()
    {
        var sku = await ordering.ListedAsync();
        var shipped = await ordering.ConfirmedAsync("ada", sku);
        Assert.Equal(HttpStatusCode.OK, (await OrderingService.SendAsync(ordering.AsStaff(), $"/orders/{shipped}/ship")).Status);
        var cancelled = await ordering.ConfirmedAsync("ada", sku);
        Assert.Equal(HttpStatusCode.OK, (await OrderingService.SendAsync(ordering.As("ada"), $"/orders/{cancelled}/cancel")).Status);
        var late = ordering.Late.Of<StockReservationExpired>("late");

        await ordering.Wire.PublishAsync(OrderingService.Expired(shipped, sku), OrderingService.Expired(cancelled, sku));
        await Eventually.HoldsAsync("both were counted as late", () => ordering.Late.Of<StockReservationExpired>("late") >= late + 2);

        await ordering.AllPublishedAsync();
        await ordering.StatusIsAsync(shipped, "shipped");
        Assert.Empty(ordering.Published<V1.OrderCancelled>(shipped));
        Assert.Equal("customer-request", Assert.Single(ordering.Published<V1.OrderCancelled>(cancelled)).Reason);
    }

    [Fact]
    public async Task Confirm_after_cancel_is_late_and_is_counted()
    {
        var sku = await ordering.ListedAsync();
        var id = (await ordering.PlaceAsync("ada", sku)).GetProperty("id").GetGuid();
        await OrderingService.SendAsync(ordering.As("ada"), $"/orders/{id}/cancel");
        var late = ordering.Late.Of<StockReserved>("late");

        await ordering.Wire.PublishAsync(OrderingService.Reserved(id, sku));
        await Eventually.HoldsAsync("it was counted as late", () => ordering.Late.Of<StockReserved>("late") > late);

        await ordering.StatusIsAsync(id, "cancelled");
        await Eventually.HoldsAsync("it is remembered", async () =>
            await ordering.Database.ScalarAsync<int>($"SELECT reservation_version FROM orders WHERE id = '{id}'") == 1);
    }

    [Fact]
    public async Task Ship_after_cancel_is_rejected()
    {
        var sku = await ordering.ListedAsync();
        var id = await ordering.ConfirmedAsync("ada", sku);
        await OrderingService.SendAsync(ordering.As("ada"), $"/orders/{id}/cancel");

        var (status, problem) = await OrderingService.SendAsync(ordering.AsStaff(), $"/orders/{id}/ship");

        Assert.Equal((HttpStatusCode.Conflict, "urn:shop:problem:order-not-shippable"), (status, problem.GetProperty("type").GetString()));
        await ordering.StatusIsAsync(id, "cancelled");
    }

    [Fact]
    public async Task Out_of_order_and_years_old_answers_do_not_change_newer_state()
    {
        var sku = await ordering.ListedAsync();
        var id = (await ordering.PlaceAsync("ada", sku)).GetProperty("id").GetGuid();
        var old = TimeProvider.System.GetUtcNow().AddYears(-4);
        var late = ordering.Late.Of<StockReserved>("late");

        await ordering.Wire.PublishAsync(OrderingService.Failed(id, sku, 1, 0, version: 3));
        await ordering.StatusIsAsync(id, "rejected");
        var oldest = new StockReserved(Guid.CreateVersion7(old), old, id, 2, [new StockReserved.Line(sku, 1)]);
        await ordering.Wire.PublishAsync(oldest);
        await ordering.ConsumedAsync(oldest);

        Assert.True(ordering.Late.Of<StockReserved>("late") > late, "it was not counted as late");
        Assert.Equal(["1 Placed customer", "2 Placed Rejected event"], await ordering.HistoryAsync(id));
        Assert.Equal(3, await ordering.Database.ScalarAsync<int>($"SELECT reservation_version FROM orders WHERE id = '{id}'"));
    }

    [Fact]
    public async Task An_event_of_an_unknown_order_is_counted_and_not_dead_lettered()
    {
        var sku = await ordering.ListedAsync();
        var unknown = Guid.CreateVersion7();

        await ordering.Wire.PublishAsync(
            OrderingService.Reserved(unknown, sku), OrderingService.Failed(unknown, sku, 1, 0), OrderingService.Expired(unknown, sku));
        await Eventually.HoldsAsync("all three are counted", () => ordering.Late.Of<StockReserved>("unknown-order") >= 1
            && ordering.Late.Of<StockReservationFailed>("unknown-order") >= 1 && ordering.Late.Of<StockReservationExpired>("unknown-order") >= 1);

        await Eventually.HoldsAsync("all three are acknowledged", async () => await ordering.Database.ScalarAsync<long>(
            "SELECT count(DISTINCT consumer) FROM inbox WHERE consumer LIKE 'ordering.stock-%'") == 3);
        foreach (var queue in (string[])["stock-reserved", "stock-reservation-failed", "stock-reservation-expired"])
        {
            Assert.Equal(0, await ordering.Broker.CountReadyAsync($"ordering.{queue}.dead"));
        }
    }
}
