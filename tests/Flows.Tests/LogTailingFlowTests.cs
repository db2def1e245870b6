using System.Net;
using Shop.Inventory.Features.OfferProduct;
using Shop.Ordering.Features.PlaceOrder;

namespace Shop.Flows.Tests;

/// <summary>
/// A flow between services whose events come from the log of their databases. All other tests run so too where the variable
/// Messaging__Relay is LogTailing.
/// </summary>
public sealed class LogTailingFlowTests
{
    private static readonly Dictionary<string, string?> s_tailing = new() { ["Messaging:Relay"] = "LogTailing" };

    [Fact]
    public async Task Orders_are_confirmed_and_shipped_with_no_row_in_any_outbox()
    {
        await using var shop = await WholeShop.CreateAsync();
        var inventory = await shop.AddAsync<OfferProductRequest>(s_tailing);
        var ordering = await shop.AddAsync<PlaceOrderRequest>(s_tailing);
        shop.Start<OfferProductRequest>();
        shop.Start<PlaceOrderRequest>();
        await shop.ListAsync(ordering, "LOG-1", 15);

        await Parallel.ForEachAsync(Enumerable.Range(0, 20), async (n, _) =>
            (await shop.PlaceAsync($"customer-{n}", ("LOG-1", 1))).MustBe(HttpStatusCode.Created));
        await Eventually.HoldsAsync("every order has its answer", async () =>
            await ordering.ScalarAsync<long>("SELECT count(*) FROM orders WHERE lower(status) = 'placed'") == 0, TimeSpan.FromMinutes(1));
        var confirmed = await ordering.RowsAsync("SELECT id FROM orders WHERE lower(status) = 'confirmed'");
        await Parallel.ForEachAsync(confirmed, async (id, _) => (await shop.ShipAsync(Guid.Parse(id))).MustBe(HttpStatusCode.OK));
        await shop.RestsAsync();

        Assert.Equal(15, confirmed.Count);
        Assert.Equal(["0 | 0 | 15"], await inventory.RowsAsync("SELECT on_hand, reserved, shipped FROM products"));
        await Books.MustAddUpAsync(inventory);
        Assert.Equal(0, await shop.CountDeadLettersAsync());
        foreach (var database in (TestDatabase[])[inventory, ordering])
        {
            Assert.Equal(["true | 0"], await database.RowsAsync(
                "SELECT active::text, n_tup_ins FROM pg_replication_slots, pg_stat_user_tables WHERE database = current_database() AND relname = 'outbox'"));
        }
    }
}
