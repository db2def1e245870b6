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
    public async Task An_order_is_placed_reserved_and_confirmed_and_a_repeat_changes_nothing()
    {
        await using var shop = await WholeShop.CreateAsync();
        var (ordering, inventory) = (await shop.AddAsync<PlaceOrderRequest>(), await shop.AddAsync<OfferProductRequest>());
        shop.Start<PlaceOrderRequest>();
        shop.Start<OfferProductRequest>();
        await shop.ListAsync(ordering, "TEA", units: 10);

        // The order and the event that tells of it are stored in one transaction; the relay publishes the event after the commit.
        var order = (await shop.PlaceAsync("alice", ("TEA", 2))).MustBe(HttpStatusCode.Created).Id;

        // Inventory consumes OrderPlaced: its inbox row, the reservation and StockReserved are one transaction again.
        var reserved = await shop.Wire.HearAsync<StockReserved>("two are reserved", e => e.OrderId == order);

        // Ordering consumes StockReserved and confirms. Domain events ran before that commit; only OrderConfirmed leaves the service.
        var confirmed = await shop.Wire.HearAsync<OrderConfirmed>("the order is confirmed", e => e.OrderId == order);
        Assert.Equal("confirmed", (await shop.ReadAsync("alice", order)).OrderStatus);

        // Every event says which one caused it, and all of the story share the id of the first.
        var (cause, story) = (Header(shop, confirmed.EventId, "causation-id"), Header(shop, confirmed.EventId, "correlation-id"));
        Assert.Equal(reserved.EventId.ToString(), cause);
        Assert.Equal(story, Header(shop, reserved.EventId, "correlation-id"));

        // The same event once more, as after a lost confirm: the inbox knows its id, and nothing happens twice.
        await shop.Wire.PublishAsync(reserved);
        await shop.RestsAsync();
        Assert.Equal(["8 | 2"], await inventory.RowsAsync("SELECT on_hand, reserved FROM products"));
        Assert.Single(shop.Wire.HeardOf<OrderConfirmed>());
        Assert.Equal(0, await shop.CountDeadLettersAsync());
    }

    private static string Header(WholeShop shop, Guid eventId, string name) => shop.Wire.Heard.First(heard => heard.EventId == eventId).Headers[name];
}
