using System.Diagnostics;
using Shop.Contracts.Inventory.V1;
using static Shop.Inventory.Tests.InventoryService;

namespace Shop.Inventory.Tests;

[Collection(InventoryService.Name)]
public sealed class OversellTests(InventoryService inventory, ITestOutputHelper output)
{
    [Fact]
    public async Task A_thousand_concurrent_orders_for_the_last_hundred_units_get_exactly_a_hundred()
    {
        var sku = await inventory.StockedAsync(100);
        var orders = Enumerable.Range(0, 1_000).Select(_ => Placed((sku, 1))).ToList();
        var ids = orders.Select(order => order.OrderId).ToHashSet();

        var clock = Stopwatch.StartNew();
        await inventory.DecidedAsync(orders);
        output.WriteLine($"1,000 orders through the broker in {clock.Elapsed.TotalSeconds:0.00} s: {1_000 / clock.Elapsed.TotalSeconds:0} orders/s");

        Assert.Equal((0, 100, 0), await inventory.StockAsync(sku));
        await inventory.AllPublishedAsync();
        var reserved = inventory.Wire.ReceivedOf<StockReserved>().Where(e => ids.Contains(e.OrderId)).ToList();
        var failed = inventory.Wire.ReceivedOf<StockReservationFailed>().Where(e => ids.Contains(e.OrderId)).ToList();
        Assert.Equal((100, 900), (reserved.Count, failed.Count));
        Assert.Equal(ids.Order(), reserved.Select(e => e.OrderId).Concat(failed.Select(e => e.OrderId)).Order());
        Assert.All(reserved, e => Assert.Equal(new StockReserved.Line(sku, 1), Assert.Single(e.Lines)));
        Assert.All(failed, e => Assert.Equal(new StockReservationFailed.ShortLine(sku, 1, 0), Assert.Single(e.ShortLines)));
        Assert.Equal(100, await inventory.Database.ScalarAsync<long>(
            $"SELECT count(*) FROM stock_movements WHERE sku = '{sku}' AND kind = 'reserved'"));
        await inventory.LedgerAgreesAsync();
    }
}
