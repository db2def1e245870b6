using System.Net;
using Shop.Analytics.Features.Funnel;
using Shop.Contracts.Inventory.V1;
using Shop.Inventory.Features.OfferProduct;
using Shop.Notification.Features.PutContact;
using Shop.Ordering.Features.PlaceOrder;

namespace Shop.Flows.Tests;

/// <summary>
/// One service's database is restored to an earlier time than the others' and the broker's: what converges by itself, what the log of
/// events brings back, and what is lost. docs/deploy.md#restore is the table of these tests.
/// </summary>
public sealed class RestoreTests(LostHour lostHour) : IClassFixture<LostHour>
{
    [Fact]
    public async Task Ordering_cancels_what_it_lost_the_answer_to_and_stock_comes_back()
    {
        await using var shop = await lostHour.RestoreAsync<PlaceOrderRequest>(new() { ["Ordering:AnswerDeadline"] = "00:00:01", ["Ordering:SweepInterval"] = "00:00:00.100", ["Inventory:SweepInterval"] = "00:00:00.100" });
        var (ordering, inventory) = (shop.Database<PlaceOrderRequest>(), shop.Database<OfferProductRequest>());
        Assert.Equal(["Placed | 1"], await ordering.RowsAsync($"SELECT status, (SELECT count(*) FROM outbox) / 2 FROM orders WHERE id = '{lostHour.Waiting}'"));
        shop.StartAll();

        // Its OrderPlaced is republished, a duplicate that Inventory ignores; the answer is not republished; the deadline has passed.
        await Eventually.IsAsync("the order is cancelled", () => StatusAsync(shop, lostHour.Waiting), status => status == "Cancelled");
        await Eventually.IsAsync("Inventory releases its stock", () => inventory.RowsAsync($"SELECT status FROM reservations WHERE order_id = '{lostHour.Waiting}'"),
            status => status is ["released"]);
        await DrainedAsync(shop);
        await LedgerChecks.MustAddUpAsync(inventory);

        // The lost order stays reserved until its reservation expires; Ordering ignores that, as it does not know the order.
        Assert.Equal(["0"], await ordering.RowsAsync($"SELECT count(*) FROM orders WHERE id = '{lostHour.Lost}'"));
        await inventory.ExecuteAsync($"UPDATE reservations SET decided_at = decided_at - interval '2 days', expires_at = expires_at - interval '2 days' WHERE order_id = '{lostHour.Lost}'");
        await Eventually.IsAsync("the lost order's reservation expires", () => inventory.RowsAsync($"SELECT status FROM reservations WHERE order_id = '{lostHour.Lost}'"),
            status => status is ["expired"]);
        await DrainedAsync(shop);
        await LedgerChecks.MustAddUpAsync(inventory);
        Assert.Equal(0, await shop.CountDeadLettersAsync());
    }

    [Fact]
    public async Task With_a_replay_Ordering_confirms_what_it_lost_the_answer_to()
    {
        await using var shop = await lostHour.RestoreAsync<PlaceOrderRequest>();
        var (ordering, inventory) = (shop.Database<PlaceOrderRequest>(), shop.Database<OfferProductRequest>());
        await lostHour.ReplayAsync(shop, "inventory", inventory);
        var logged = await LoggedAsync(shop, "inventory");
        shop.StartAll();

        await Eventually.IsAsync("the order is confirmed once more", () => StatusAsync(shop, lostHour.Waiting), status => status == "Confirmed");
        await Eventually.IsAsync("the price is the later one", () => ordering.RowsAsync("SELECT unit_price::int FROM products WHERE sku = 'TEA'"), price => price is ["6"]);

        // Kept was shipped in the lost hour and is only confirmed now: shipping it a second time moves no stock.
        (await shop.ShipAsync(lostHour.Kept)).MustBe(HttpStatusCode.OK);
        await DrainedAsync(shop);
        await LedgerChecks.MustAddUpAsync(inventory);
        Assert.Equal(["17 | 8 | 2"], await inventory.RowsAsync("SELECT on_hand, reserved, shipped FROM products"));
        Assert.Equal((logged, 0), (await LoggedAsync(shop, "inventory"), await shop.CountDeadLettersAsync()));
    }

    [Fact]
    public async Task With_a_replay_Inventory_reserves_and_ships_what_it_lost_and_needs_higher_versions()
    {
        await using var shop = await lostHour.RestoreAsync<OfferProductRequest>();
        var (ordering, inventory) = (shop.Database<PlaceOrderRequest>(), shop.Database<OfferProductRequest>());
        Assert.Equal(["18 | 2 | 0"], await inventory.RowsAsync("SELECT on_hand, reserved, shipped FROM products"));
        await lostHour.ReplayAsync(shop, "ordering", ordering);
        var logged = await LoggedAsync(shop, "ordering");
        shop.StartAll();

        await Eventually.IsAsync("all three orders are in its books", () => inventory.RowsAsync("SELECT on_hand, reserved, shipped FROM products"), row => row is ["10 | 8 | 2"]);
        await DrainedAsync(shop);
        await LedgerChecks.MustAddUpAsync(inventory);

        // Its answers are published under new ids, and Ordering, whose orders are confirmed, ignores them.
        Assert.Equal(("Confirmed", "Confirmed"), (await StatusAsync(shop, lostHour.Waiting), await StatusAsync(shop, lostHour.Lost)));
        Assert.Equal((logged, 0), (await LoggedAsync(shop, "ordering"), await shop.CountDeadLettersAsync()));

        // What people entered in the lost hour is lost: the seven units and the price. Ordering has the later price, under a later version, ...
        (await shop.OfferAsync("TEA", 7)).MustBe(HttpStatusCode.OK);
        await shop.Wire.ReceiveAsync<ProductPriceChanged>("the new price is published", changed => changed.UnitPrice == 7);
        await DrainedAsync(shop);
        Assert.Equal(["6"], await ordering.RowsAsync("SELECT unit_price::int FROM products"));

        // ... so versions have to go on above it.
        await inventory.ExecuteAsync("UPDATE products SET version = version + 1000000");
        (await shop.OfferAsync("TEA", 8)).MustBe(HttpStatusCode.OK);
        await Eventually.IsAsync("Ordering has the price", () => ordering.RowsAsync("SELECT unit_price::int FROM products"), price => price is ["8"]);
    }

    [Fact]
    public async Task Without_a_replay_Inventory_dead_letters_what_it_does_not_know()
    {
        await using var shop = await lostHour.RestoreAsync<OfferProductRequest>(new() { ["Messaging:ImmediateRetries"] = "0" });
        shop.StartAll();

        (await shop.ShipAsync(lostHour.Lost)).MustBe(HttpStatusCode.OK);

        await Eventually.HoldsAsync("Inventory has not received its OrderPlaced: the event is a dead letter",
            async () => await shop.Broker.CountReadyAsync("inventory.order-shipped.dead") == 1);
    }

    [Fact]
    public async Task With_a_replay_Notification_writes_the_lost_messages_once_each()
    {
        await using var shop = await lostHour.RestoreAsync<PutContactRequest>();
        var notification = shop.Database<PutContactRequest>();
        const string Written = "SELECT count(*), count(DISTINCT (event_id, recipient, channel)) FROM notifications";
        Assert.Equal(["1 | 1"], await notification.RowsAsync(Written));
        await lostHour.ReplayAsync(shop, "ordering", shop.Database<PlaceOrderRequest>());
        var logged = await LoggedAsync(shop, "ordering");
        shop.StartAll();

        await Eventually.IsAsync("the three of the lost hour are written", () => notification.RowsAsync(Written), row => row is ["4 | 4"]);
        await DrainedAsync(shop);
        Assert.Equal((logged, 0), (await LoggedAsync(shop, "ordering"), await shop.CountDeadLettersAsync()));
    }

    [Fact]
    public async Task Analytics_lacks_the_lost_hour_for_good()
    {
        await using var shop = await lostHour.RestoreAsync<FunnelResponse>();
        var analytics = shop.Database<FunnelResponse>();
        shop.StartAll();

        var next = (await shop.PlaceAsync("dave", ("TEA", 1))).MustBe(HttpStatusCode.Created).Id;
        await Eventually.IsAsync("it is confirmed, and counted", () => analytics.RowsAsync($"SELECT count(confirmed_at) FROM order_journeys WHERE order_id = '{next}'"), row => row is ["1"]);
        await DrainedAsync(shop);

        // I5 does not hold any more: the lost hour is in nobody's outbox, and this log was the only other place.
        Assert.Equal(["2"], await analytics.RowsAsync("SELECT count(*) FROM order_journeys WHERE confirmed_at IS NOT NULL"));
        Assert.Equal(["4"], await shop.Database<PlaceOrderRequest>().RowsAsync("SELECT count(*) FROM orders"));
    }

    private static Task<string> StatusAsync(WholeShop shop, Guid order) =>
        shop.Database<PlaceOrderRequest>().ScalarAsync<string>($"SELECT status FROM orders WHERE id = '{order}'");

    /// <summary>How many events of a service Analytics has: what was replayed is a duplicate for it, and for all that were not restored.</summary>
    private static Task<long> LoggedAsync(WholeShop shop, string service) =>
        shop.Database<FunnelResponse>().ScalarAsync<long>($"SELECT count(*) FROM event_log WHERE type LIKE '{service}.%'");

    /// <summary>I6: no event waits in an outbox, and no message in a queue. Duplicates are in no inbox, so they cannot be counted there.</summary>
    private static Task DrainedAsync(WholeShop shop) => Eventually.HoldsAsync("outboxes and queues are empty", async () =>
        await shop.CountWaitingAsync() == 0 && (await shop.Broker.QueuesAsync()).Where(queue => !queue.Name.EndsWith(".dead", StringComparison.Ordinal))
            .Sum(queue => queue.Ready + queue.Unacknowledged) == 0 && await shop.CountWaitingAsync() == 0);
}
