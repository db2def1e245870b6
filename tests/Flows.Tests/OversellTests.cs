using System.Diagnostics;
using System.Net;
using Shop.Inventory.Features.OfferProduct;
using Shop.Ordering.Features.PlaceOrder;

namespace Shop.Flows.Tests;

/// <summary>Concurrent orders for the last units of a product.</summary>
public sealed class OversellTests(ITestOutputHelper output)
{
    private const int Orders = 1_000;
    private const int Units = 100;

    [Fact]
    public async Task A_thousand_concurrent_orders_for_the_last_hundred_units_sell_exactly_a_hundred()
    {
        await using var shop = await WholeShop.CreateAsync();
        var inventory = await shop.AddAsync<OfferProductRequest>();
        var ordering = await shop.AddAsync<PlaceOrderRequest>();
        shop.Start<OfferProductRequest>();
        shop.Start<PlaceOrderRequest>();
        await shop.ListAsync(ordering, "LAST-1", Units);

        var watch = Stopwatch.StartNew();
        await Parallel.ForEachAsync(Enumerable.Range(0, Orders), new ParallelOptions { MaxDegreeOfParallelism = 64 }, async (n, _) =>
            (await shop.PlaceAsync($"customer-{n}", ("LAST-1", 1))).MustBe(HttpStatusCode.Created));
        await Eventually.HoldsAsync("every order has its answer", async () =>
            await ordering.ScalarAsync<long>("SELECT count(*) FROM orders WHERE lower(status) = 'placed'") == 0);
        output.WriteLine($"{Orders / watch.Elapsed.TotalSeconds:0} orders/s from the first POST to the last answer");

        Assert.Equal(["confirmed | 100", "rejected | 900"],
            await ordering.RowsAsync("SELECT lower(status), count(*) FROM orders GROUP BY 1 ORDER BY 1"));
        Assert.Equal(["0 | 100 | 0"], await inventory.RowsAsync("SELECT on_hand, reserved, shipped FROM products"));
        await shop.RestsAsync();
        await LedgerChecks.MustAddUpAsync(inventory);
        Assert.Equal(0, await shop.CountDeadLettersAsync());
    }
}
