using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Shop.Contracts;
using Shop.Inventory.Persistence;

namespace Shop.Inventory.Tests;

/// <summary>A database full of the previous version's rows becomes this version's, and loses nothing.</summary>
public sealed class MigrationTests : IAsyncLifetime
{
    private const string Previous = "20261122030252_Initial";

    private const string Rows = """
        INSERT INTO products (sku, name, unit_price, currency, on_hand, reserved, shipped, version) VALUES
            ('OLD-1', 'Green tea', 4.50, 'EUR', 4, 3, 3, 9), ('OLD-2', 'Cup', 12.00, 'EUR', 0, 0, 0, 1);
        INSERT INTO reservations (order_id, status, decided_at, version) VALUES
            ('00000000-0000-0000-0000-000000000001', 'reserved', '2026-01-01T00:00:00Z', 1),
            ('00000000-0000-0000-0000-000000000002', 'failed', '2026-01-02T00:00:00Z', 1),
            ('00000000-0000-0000-0000-000000000003', 'released', '2026-01-03T00:00:00Z', 2),
            ('00000000-0000-0000-0000-000000000004', 'shipped', '2026-01-04T00:00:00Z', 2),
            ('00000000-0000-0000-0000-000000000005', 'released', '2026-01-05T00:00:00Z', 1);
        INSERT INTO reservation_lines (order_id, sku, quantity) VALUES
            ('00000000-0000-0000-0000-000000000001', 'OLD-1', 3), ('00000000-0000-0000-0000-000000000002', 'never listed', 7),
            ('00000000-0000-0000-0000-000000000003', 'OLD-1', 2), ('00000000-0000-0000-0000-000000000004', 'OLD-1', 3);
        INSERT INTO stock_movements (id, sku, kind, quantity, order_id, at) VALUES
            ('01900000-0000-7000-8000-000000000001', 'OLD-1', 'received', 10, NULL, '2025-12-31T00:00:00Z'),
            ('01900000-0000-7000-8000-000000000002', 'OLD-1', 'reserved', 3, '00000000-0000-0000-0000-000000000001', '2026-01-01T00:00:00Z'),
            ('01900000-0000-7000-8000-000000000003', 'OLD-1', 'reserved', 2, '00000000-0000-0000-0000-000000000003', '2026-01-03T00:00:00Z'),
            ('01900000-0000-7000-8000-000000000004', 'OLD-1', 'released', 2, '00000000-0000-0000-0000-000000000003', '2026-01-03T00:00:01Z'),
            ('01900000-0000-7000-8000-000000000005', 'OLD-1', 'reserved', 3, '00000000-0000-0000-0000-000000000004', '2026-01-04T00:00:00Z'),
            ('01900000-0000-7000-8000-000000000006', 'OLD-1', 'shipped', 3, '00000000-0000-0000-0000-000000000004', '2026-01-05T00:00:00Z');
        INSERT INTO inbox (event_id, consumer, processed_at) VALUES (gen_random_uuid(), 'inventory.order-placed', now());
        INSERT INTO idempotency_keys (caller, key, request_hash, status, headers, body, created_at)
            VALUES ('staff', 'delivery-1', '\x00', 200, '{}', '\x00', now());
        """;

    /// <summary>All that the previous version wrote, column by column.</summary>
    private const string Content = """
        SELECT string_agg(line, E'\n' ORDER BY line) FROM (
            SELECT concat_ws(' ', sku, name, unit_price, currency, on_hand, reserved, shipped, version) AS line FROM products
            UNION ALL SELECT concat_ws(' ', order_id, status, decided_at, version) FROM reservations
            UNION ALL SELECT concat_ws(' ', order_id, sku, quantity) FROM reservation_lines
            UNION ALL SELECT concat_ws(' ', id, sku, kind, quantity, order_id, at) FROM stock_movements
            UNION ALL SELECT concat_ws(' ', event_id, consumer, processed_at) FROM inbox
            UNION ALL SELECT concat_ws(' ', caller, key, request_hash, status, headers, body, created_at) FROM idempotency_keys) AS rows
        """;

    private TestDatabase _database = null!;
    private TestVirtualHost _broker = null!;
    private Dictionary<string, string?> _settings = null!;

    public async ValueTask InitializeAsync()
    {
        _database = await TestServers.CreateDatabaseAsync("inventory");
        _broker = await TestServers.CreateVirtualHostAsync("inventory");
        foreach (var exchange in EventCatalog.Names)
        {
            await _broker.DeclareExchangeAsync(exchange);
        }

        _settings = ServiceInstance.Settings(_database.ConnectionString, _broker.AmqpUri);
        _settings["Inventory:SweepInterval"] = "00:00:00.050";
    }

    public async ValueTask DisposeAsync()
    {
        await _broker.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Fact]
    public async Task The_previous_version_s_rows_are_all_there_and_the_service_works_on_them()
    {
        await MigrateToPreviousAsync();
        await _database.ExecuteAsync(Rows);
        var before = await _database.ScalarAsync<string>(Content);

        var (code, output) = await InventoryCommand.RunAsync("migrate", _settings);

        Assert.True(code == 0, output);
        Assert.Equal(before, await _database.ScalarAsync<string>(Content));
        Assert.Equal(19, before.Split('\n').Length);
        Assert.Equal("p", await _database.ScalarAsync<string>("SELECT relkind::text FROM pg_class WHERE oid = 'inbox'::regclass"));
        Assert.Equal(1, await _database.ScalarAsync<long>("""
            SELECT count(*) FROM reservations WHERE status = 'reserved'
                AND expires_at BETWEEN now() + interval '6 days 23 hours' AND now() + interval '7 days'
            """));

        await using var instance = ServiceInstance.Start<Program>(_settings);
        await ReadsAndWritesAsync(instance);
        await ExpiresAsync();
        Assert.Equal(0, (await InventoryCommand.RunAsync("verify-stock", _settings)).ExitCode);
    }

    [Fact]
    public async Task Instances_of_the_previous_version_still_write_while_and_after_it_migrates()
    {
        await MigrateToPreviousAsync();
        await _database.ExecuteAsync(Rows);
        var migrating = InventoryCommand.RunAsync("migrate", _settings);
        var written = 0;
        do
        {
            await _database.ExecuteAsync(OldReservation());
            written++;
        }
        while (!migrating.IsCompleted);

        await _database.ExecuteAsync(OldReservation());

        Assert.Equal(0, (await migrating).ExitCode);
        Assert.Equal(written + 2, await _database.ScalarAsync<long>("SELECT count(*) FROM reservations WHERE status = 'reserved' AND expires_at > now()"));
    }

    [Fact]
    public async Task A_migration_that_broke_off_in_the_middle_is_finished_by_the_next_one()
    {
        await MigrateToPreviousAsync();
        await _database.ExecuteAsync(Rows);
        Assert.Equal(0, (await InventoryCommand.RunAsync("migrate", _settings)).ExitCode);

        // As if the process had died before the last line of it was written down.
        await _database.ExecuteAsync($"""DELETE FROM "__EFMigrationsHistory" WHERE "MigrationId" <> '{Previous}'""");
        var before = await _database.ScalarAsync<DateTime>("SELECT max(expires_at) FROM reservations");

        var (code, output) = await InventoryCommand.RunAsync("migrate", _settings);

        Assert.True(code == 0, output);
        Assert.Equal(before, await _database.ScalarAsync<DateTime>("SELECT max(expires_at) FROM reservations"));
    }

    private static string OldReservation() => $"""
        INSERT INTO reservations (order_id, status, decided_at, version) VALUES ('{Guid.CreateVersion7()}', 'reserved', now(), 1);
        """;

    private async Task MigrateToPreviousAsync()
    {
        await using var db = new InventoryDbContext(
            new DbContextOptionsBuilder<InventoryDbContext>().UseNpgsql(_database.ConnectionString).Options);
        await db.GetService<IMigrator>().MigrateAsync(Previous);
    }

    private static async Task ReadsAndWritesAsync(ServiceInstance instance)
    {
        var staff = instance.Client(TestTokens.Staff());
        var product = await staff.GetFromJsonAsync<JsonElement>("/products/OLD-1");
        Assert.Equal((4, 3, 3), (product.GetProperty("onHand").GetInt32(), product.GetProperty("reserved").GetInt32(),
            product.GetProperty("shipped").GetInt32()));
        var ledger = await staff.GetFromJsonAsync<JsonElement>("/products/OLD-1/movements");
        Assert.Equal(["shipped", "reserved", "released", "reserved", "reserved", "received"],
            ledger.GetProperty("items").EnumerateArray().Select(movement => movement.GetProperty("kind").GetString()));
        (await staff.PostAsJsonAsync("/products/OLD-1/adjustments", new { quantity = -1, reason = "counted" })).EnsureSuccessStatusCode();
        (await staff.PutAsJsonAsync("/products/OLD-1/low-stock-threshold", new { threshold = 2 })).EnsureSuccessStatusCode();
    }

    /// <summary>The week is over: the old reservation goes the way of the new ones.</summary>
    private async Task ExpiresAsync()
    {
        await _database.ExecuteAsync("UPDATE reservations SET expires_at = expires_at - interval '8 days' WHERE status = 'reserved'");
        await Eventually.IsAsync("the old reservation expires",
            () => _database.ScalarAsync<string>("SELECT status FROM reservations WHERE order_id = '00000000-0000-0000-0000-000000000001'"),
            status => status == "expired");
        Assert.Equal((6, 0), (await _database.ScalarAsync<int>("SELECT on_hand FROM products WHERE sku = 'OLD-1'"),
            await _database.ScalarAsync<int>("SELECT reserved FROM products WHERE sku = 'OLD-1'")));
    }
}
