using Npgsql;
using static Shop.Inventory.Tests.InventoryService;

namespace Shop.Inventory.Tests;

/// <summary>With its own database, which it damages; not parallel to others, because they count metrics of this process.</summary>
[Collection(InventoryService.Name)]
public sealed class VerifyStockTests : IAsyncLifetime
{
    private readonly InventoryService _inventory = new();

    public ValueTask InitializeAsync() => _inventory.InitializeAsync();

    public ValueTask DisposeAsync() => _inventory.DisposeAsync();

    [Fact]
    public async Task A_healthy_database_agrees_and_each_damage_is_named()
    {
        var sku = await EveryStateAsync();
        var (code, output) = await VerifyAsync();
        Assert.True(code == 0, output);
        Assert.EndsWith("Checked 2 products, 13 movements and 7 reservations: all agree.", output.Trim(), StringComparison.Ordinal);

        await FoundAsync($"UPDATE products SET on_hand = on_hand + 1 WHERE sku = '{sku}'",
            $"{sku}: on_hand is 91 by the ledger and 92 in the product");
        await FoundAsync($"UPDATE products SET reserved = reserved + 1 WHERE sku = '{sku}'",
            $"{sku}: reserved is 1 by the ledger and 2 in the product");
        await FoundAsync($"UPDATE products SET shipped = 0 WHERE sku = '{sku}'", $"{sku}: shipped is 5 by the ledger and 0 in the product");
        await FoundAsync("UPDATE reservations SET status = 'released' WHERE status = 'reserved'",
            $"{sku}: 1 units are released, and the ledger says: reserved 1");
        await FoundAsync("UPDATE reservations SET status = 'reserved' WHERE status = 'expired'",
            $"{sku}: 8 units are reserved, and the ledger says: expired, reserved 8");
        await FoundAsync("UPDATE reservations SET status = 'reserved' WHERE status = 'failed'",
            $"{sku}: 1000 units are reserved, and the ledger says: nothing", "no stock: 1 units are reserved");
        await FoundAsync("UPDATE reservation_lines SET quantity = 7 WHERE quantity = 8",
            $"{sku}: 7 units are expired, and the ledger says: expired, reserved 8");
        await FoundAsync("DELETE FROM reservation_lines WHERE quantity = 8",
            $"{sku}: 0 units are unknown, and the ledger says: expired, reserved 8", "no line: 0 units are expired");
        await FoundAsync("DELETE FROM reservations WHERE status = 'expired'",
            $"{sku}: 0 units are unknown, and the ledger says: expired, reserved 8");

        // Writes that bypass the service are found too: units without a movement, and a movement without units.
        await FoundAsync("INSERT INTO stock_movements (id, sku, kind, quantity, at) "
            + $"VALUES (gen_random_uuid(), '{sku}', 'received', 3, now())", $"{sku}: on_hand is 94 by the ledger and 91 in the product");
    }

    /// <summary>
    /// Reserving by read-then-write: no check constraint is violated, but ten orders have the same
    /// units, and the ledger shows it.
    /// </summary>
    [Fact]
    public async Task Reserving_by_reading_first_oversells_and_is_detected()
    {
        var sku = await _inventory.StockedAsync(10);
        await using var source = NpgsqlDataSource.Create(_inventory.Database.ConnectionString);
        var read = new TaskCompletionSource();
        var reading = 0;

        await Task.WhenAll(Enumerable.Range(0, 10).Select(async _ =>
        {
            var order = Placed((sku, 10));
            await using var select = source.CreateCommand($"SELECT on_hand FROM products WHERE sku = '{sku}'");
            var onHand = (int)(await select.ExecuteScalarAsync())!;
            if (Interlocked.Increment(ref reading) == 10)
            {
                read.SetResult();
            }

            await read.Task;
            await using var write = source.CreateCommand($"""
                UPDATE products SET on_hand = {onHand - 10}, reserved = 10 WHERE sku = '{sku}';
                INSERT INTO reservations (order_id, status, decided_at, version, expires_at)
                    VALUES ('{order.OrderId}', 'reserved', now(), 1, now() + interval '1 day');
                INSERT INTO reservation_lines (order_id, sku, quantity) VALUES ('{order.OrderId}', '{sku}', 10);
                INSERT INTO stock_movements (id, sku, kind, quantity, order_id, at)
                    VALUES (gen_random_uuid(), '{sku}', 'reserved', 10, '{order.OrderId}', now());
                """);
            await write.ExecuteNonQueryAsync();
        }));

        var (code, output) = await VerifyAsync();
        Assert.Equal(1, code);
        Assert.Contains($"{sku}: on_hand is -90 by the ledger and 0 in the product", output, StringComparison.Ordinal);
        Assert.Contains($"{sku}: reserved is 100 by the ledger and 10 in the product", output, StringComparison.Ordinal);
        Assert.Contains("Checked 1 products, 11 movements and 10 reservations: 2 differences.", output, StringComparison.Ordinal);
    }

    /// <summary>One reservation in each state there is, also shipped late, and one adjustment by hand.</summary>
    private async Task<string> EveryStateAsync()
    {
        var sku = await _inventory.StockedAsync(100);
        var (reserved, failed, released) = (Placed((sku, 1)), Placed((sku, 1000), ("no stock", 1)), Placed((sku, 2)));
        var (shipped, late, expired, beforehand) = (Placed((sku, 2)), Placed((sku, 3)), Placed((sku, 8)), Placed((sku, 1)));
        await _inventory.DecidedAsync(reserved, failed, released, shipped, late, expired);
        await _inventory.TimeGoesByAsync(late, expired);
        await _inventory.StatusBecomesAsync(late, "expired");
        await _inventory.StatusBecomesAsync(expired, "expired");
        await _inventory.Wire.PublishAsync(Cancelled(released.OrderId), Cancelled(beforehand.OrderId));
        await _inventory.Wire.PublishAsync(Shipped(shipped.OrderId), Shipped(late.OrderId));
        await _inventory.StatusBecomesAsync(released, "released");
        await _inventory.StatusBecomesAsync(beforehand, "released");
        await _inventory.StatusBecomesAsync(shipped, "shipped");
        await _inventory.StatusBecomesAsync(late, "shipped");
        var adjusted = await _inventory.Staff.PostAsync($"/products/{sku}/adjustments", Json("""{"quantity":-3,"reason":"broken"}"""));
        adjusted.EnsureSuccessStatusCode();
        await _inventory.StockedAsync(0);
        return sku;
    }

    /// <summary>Damages a copy of the database and expects verify-stock to name what is wrong there.</summary>
    private async Task FoundAsync(string damage, params string[] named)
    {
        await _inventory.Database.ExecuteAsync("CREATE SCHEMA damaged");
        try
        {
            foreach (var table in new[] { "products", "stock_movements", "reservations", "reservation_lines" })
            {
                await _inventory.Database.ExecuteAsync($"CREATE TABLE damaged.{table} AS TABLE public.{table}");
            }

            await _inventory.Database.ExecuteAsync($"SET search_path = damaged; {damage}");
            var (code, output) = await VerifyAsync("damaged");
            Assert.Equal(1, code);
            Assert.All(named, expected => Assert.Contains(expected, output, StringComparison.Ordinal));
        }
        finally
        {
            await _inventory.Database.ExecuteAsync("DROP SCHEMA damaged CASCADE");
        }
    }

    private Task<(int ExitCode, string Output)> VerifyAsync(string schema = "public")
    {
        var settings = ServiceInstance.Settings(_inventory.Database.ConnectionString, _inventory.Broker.UriOf("inventory"));
        settings["ConnectionStrings:Database"] += $";Search Path={schema}";
        return InventoryCommand.RunAsync("verify-stock", settings);
    }
}
