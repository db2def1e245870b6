using Shop.Contracts.Inventory.V1;
using static Shop.Inventory.Tests.InventoryService;

namespace Shop.Inventory.Tests;

/// <summary>Two instances of Inventory on one database, whose reservations expire after a second. Not parallel to the busy tests.</summary>
[Collection(InventoryService.Name)]
public sealed class TwoSweepersTests : ServiceFixture<Program>, IAsyncLifetime
{
    private ServiceInstance? _second;

    protected override IReadOnlyDictionary<string, string?> Settings => new Dictionary<string, string?>
    {
        ["Inventory:ReservationLifetime"] = "00:00:01",
        ["Inventory:SweepInterval"] = "00:00:00.020",
        ["Inventory:SweepBatch"] = "7",
    };

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        var settings = ServiceInstance.Settings(Database.RuntimeConnectionString, Broker.UriOf("inventory"));
        foreach (var (key, value) in Settings)
        {
            settings[key] = value;
        }

        _second = ServiceInstance.Start<Program>(settings);
    }

    public override async ValueTask DisposeAsync()
    {
        if (_second is not null)
        {
            await _second.DisposeAsync();
        }

        await base.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Every_reservation_expires_once_and_all_stock_is_released()
    {
        string[] skus = [NewSku(), NewSku(), NewSku()];
        foreach (var sku in skus)
        {
            await Database.ExecuteAsync($"""
                INSERT INTO products (sku, name, unit_price, currency, on_hand, reserved, shipped, version)
                    VALUES ('{sku}', 'Tea', 1, 'EUR', 200, 0, 0, 1);
                INSERT INTO stock_movements (id, sku, kind, quantity, at) VALUES (gen_random_uuid(), '{sku}', 'received', 200, now());
                """);
        }

        var orders = Enumerable.Range(0, 100).Select(i => Placed((skus[i % 3], 1), (skus[(i + 1) % 3], 2))).ToList();

        await Wire.PublishAsync(orders);

        await Eventually.IsAsync("every reservation has expired",
            () => Database.ScalarAsync<long>("SELECT count(*) FROM reservations WHERE status = 'expired'"), expired => expired == 100);
        await Eventually.IsAsync("every expiry is received", () => Task.FromResult(Wire.ReceivedOf<StockReservationExpired>().Count),
            received => received >= 100);
        await Eventually.HoldsAsync("the outbox is empty", async () => await Database.ScalarAsync<long>("SELECT count(*) FROM outbox") == 0);
        Assert.Equal(orders.Select(order => order.OrderId).Order(), Wire.ReceivedOf<StockReservationExpired>().Select(e => e.OrderId).Order());
        Assert.All(Wire.ReceivedOf<StockReservationExpired>(), e =>
            Assert.True(e.OccurredAt >= Wire.ReceivedOf<StockReserved>().Single(r => r.OrderId == e.OrderId).ExpiresAt));
        foreach (var sku in skus)
        {
            Assert.Equal(200, await Database.ScalarAsync<int>($"SELECT on_hand FROM products WHERE sku = '{sku}' AND reserved = 0"));
        }

        Assert.Equal(200, await Database.ScalarAsync<long>("SELECT count(*) FROM stock_movements WHERE kind = 'expired'"));
    }
}
