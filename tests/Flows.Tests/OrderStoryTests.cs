using System.Net;
using Shop.Contracts.Inventory.V1;
using Shop.Contracts.Ordering.V1;
using Shop.Inventory.Features.OfferProduct;
using Shop.Ordering.Features.PlaceOrder;

namespace Shop.Flows.Tests;

/// <summary>The first test to read: what one order sets going, event by event, over real servers.</summary>
public sealed class OrderStoryTests
{
    [Fact]
    public async Task An_order_is_placed_reserved_and_confirmed_and_a_duplicate_changes_nothing()
    {
        await using var shop = await WholeShop.CreateAsync();
        var (ordering, inventory) = (await shop.AddAsync<PlaceOrderRequest>(), await shop.AddAsync<OfferProductRequest>());
        shop.Start<PlaceOrderRequest>();
        shop.Start<OfferProductRequest>();
        await shop.ListAsync(ordering, "TEA", units: 10);

        // The order and its event are stored in one transaction; the relay publishes the event after the commit.
        var order = (await shop.PlaceAsync("alice", ("TEA", 2))).MustBe(HttpStatusCode.Created).Id;

        // Inventory consumes OrderPlaced: its inbox row, the reservation and StockReserved are one transaction again.
        var reserved = await shop.Wire.ReceiveAsync<StockReserved>("two are reserved", e => e.OrderId == order);

        // Ordering consumes StockReserved and confirms. Domain events ran before that commit; only OrderConfirmed leaves the service.
        var confirmed = await shop.Wire.ReceiveAsync<OrderConfirmed>("the order is confirmed", e => e.OrderId == order);
        Assert.Equal("confirmed", (await shop.ReadAsync("alice", order)).OrderStatus);

        // Every event has its causation id, and all share the correlation id of the first.
        var (cause, story) = (Header(shop, confirmed.EventId, "causation-id"), Header(shop, confirmed.EventId, "correlation-id"));
        Assert.Equal(reserved.EventId.ToString(), cause);
        Assert.Equal(story, Header(shop, reserved.EventId, "correlation-id"));

        // The same event again, as after a lost confirm: the inbox detects the duplicate, and nothing is processed twice.
        await shop.Wire.PublishAsync(reserved);
        await shop.RestsAsync();
        Assert.Equal(["8 | 2"], await inventory.RowsAsync("SELECT on_hand, reserved FROM products"));
        Assert.Single(shop.Wire.ReceivedOf<OrderConfirmed>());
        Assert.Equal(0, await shop.CountDeadLettersAsync());
    }

    private static string Header(WholeShop shop, Guid eventId, string name) => shop.Wire.Received.First(received => received.EventId == eventId).Headers[name];
}
