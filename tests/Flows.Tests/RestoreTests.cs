using System.Net;
using Shop.Analytics.Features.Funnel;
using Shop.Inventory.Features.OfferProduct;
using Shop.Ordering.Features.PlaceOrder;

namespace Shop.Flows.Tests;

/// <summary>
/// One service's database is restored to an earlier time than the others' and the broker's: what converges by itself, and what is lost.
/// docs/deploy.md#restore has the table.
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

        // Its OrderPlaced is published again, and Inventory ignores it; the answer never comes again; the deadline has passed.
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

    /// <summary>I6: no event waits in an outbox, and no message in a queue. Duplicates are in no inbox, so they cannot be counted there.</summary>
    private static Task DrainedAsync(WholeShop shop) => Eventually.HoldsAsync("outboxes and queues are empty", async () =>
        await shop.CountWaitingAsync() == 0 && (await shop.Broker.QueuesAsync()).Where(queue => !queue.Name.EndsWith(".dead", StringComparison.Ordinal))
            .Sum(queue => queue.Ready + queue.Unacknowledged) == 0 && await shop.CountWaitingAsync() == 0);
}
