using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Migrations;
using Shop.Ordering.Persistence;

namespace Shop.Ordering.Tests;

/// <summary>A database full of the previous version's rows comes to the newest version with all of them.</summary>
public sealed class MigrationTests
{
    private const string Previous = "20261122024905_Initial";

    /// <summary>Rows in every status and by every way to it, as the previous version wrote them. Overdue ones are not among them.</summary>
    private const string Rows = """
        INSERT INTO customers (id, confirmed_orders, preferred_since, version) VALUES ('ada', 2, NULL, 2), ('bob', 5, now(), 5);
        INSERT INTO products (sku, name, unit_price, currency, name_version, price_version)
        VALUES ('TEA-1', 'Tea', 4, 'EUR', 1, 3), ('CUP-1', 'CUP-1', 3.5, 'EUR', 0, 2);
        INSERT INTO orders (id, customer_id, status, discount, total, currency, placed_at, reason, version, short_lines) VALUES
        ('018f0000-0000-7000-8000-000000000001', 'ada', 'Placed', 0, 8, 'EUR', now(), NULL, 1, '[]'),
        ('018f0000-0000-7000-8000-000000000002', 'ada', 'Confirmed', 0, 8, 'EUR', now(), NULL, 2, '[]'),
        ('018f0000-0000-7000-8000-000000000003', 'ada', 'Rejected', 0, 8, 'EUR', now(), 'out-of-stock', 2, '[{"Sku":"TEA-1","Asked":2,"Available":1}]'),
        ('018f0000-0000-7000-8000-000000000004', 'ada', 'Cancelled', 0, 8, 'EUR', now(), 'customer-request', 2, '[]'),
        ('018f0000-0000-7000-8000-000000000005', 'ada', 'Cancelled', 0.40, 7.60, 'EUR', now(), 'customer-request', 3, '[]'),
        ('018f0000-0000-7000-8000-000000000006', 'ada', 'Shipped', 0, 8, 'EUR', '2019-05-01T12:00:00Z', NULL, 3, NULL);
        INSERT INTO order_lines (order_id, sku, name, quantity, unit_price, currency) SELECT id, 'TEA-1', 'Tea', 2, 4, 'EUR' FROM orders;
        INSERT INTO inbox SELECT id, 'ordering.stock-reserved', now() FROM orders;
        """;

    [Fact]
    public async Task A_database_of_the_previous_version_keeps_every_row_and_works_on()
    {
        await using var ordering = new Upgraded();
        await ordering.InitializeAsync();

        await AssertHistoriesAsync(ordering.Database);
        Assert.Equal(6, await ordering.Database.ScalarAsync<long>(
            "SELECT count(*) FROM inbox JOIN orders ON id = event_id WHERE inbox.tableoid::regclass::text LIKE 'inbox_before_%'"));
        Assert.Equal(6, await ordering.Database.ScalarAsync<long>("SELECT count(*) FROM orders WHERE reservation_version = 0"));
        Assert.Equal(0, await ordering.Database.ScalarAsync<long>("SELECT count(*) FROM pg_constraint WHERE NOT convalidated"));
        Assert.True(await ordering.Database.ScalarAsync<bool>("SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_orders_waiting'::regclass"));

        var ada = ordering.Client(TestTokens.Customer("ada"));
        var list = (await OrderingService.GetAsync(ada, "/orders")).GetProperty("items").EnumerateArray().ToList();
        Assert.Equal(["shipped", "cancelled", "cancelled", "rejected", "confirmed", "placed"],
            list.Select(order => order.GetProperty("status").GetString()));
        Assert.Equal(1, list[3].GetProperty("reason").GetProperty("shortLines")[0].GetProperty("available").GetInt32());
        var shipped = await OrderingService.GetAsync(ada, "/orders/018f0000-0000-7000-8000-000000000006/history");
        Assert.Equal(["1 customer 2019-05-01T12:00:00+00:00", "2 not-recorded ", "3 not-recorded "], shipped.GetProperty("items").EnumerateArray().Select(Line));
        Assert.Equal((2, false), await StandingAsync(ada));
        Assert.Equal((5, true), await StandingAsync(ordering.Client(TestTokens.Customer("bob"))));

        var (status, cancelled) = await OrderingService.SendAsync(ada, "/orders/018f0000-0000-7000-8000-000000000002/cancel");
        Assert.Equal((System.Net.HttpStatusCode.OK, 3), (status, cancelled.GetProperty("version").GetInt32()));
        var (placed, _) = await OrderingService.SendAsync(ada, "/orders", """{"lines":[{"sku":"TEA-1","quantity":1}]}""");
        Assert.Equal(System.Net.HttpStatusCode.Created, placed);
    }

    [Fact]
    public async Task The_previous_version_can_still_place_and_move_orders()
    {
        await using var ordering = new Upgraded();
        await ordering.InitializeAsync();

        await ordering.Database.ExecuteAsync("""
            BEGIN;
            INSERT INTO orders (id, customer_id, status, discount, total, currency, placed_at, reason, version, short_lines)
            VALUES ('018f0000-0000-7000-8000-000000000009', 'ada', 'Placed', 0, 4, 'EUR', now(), NULL, 1, '[]');
            INSERT INTO order_lines (order_id, sku, name, quantity, unit_price, currency)
            VALUES ('018f0000-0000-7000-8000-000000000009', 'TEA-1', 'Tea', 1, 4, 'EUR');
            COMMIT;
            UPDATE orders SET status = 'Confirmed', version = 2 WHERE id = '018f0000-0000-7000-8000-000000000009' AND version = 1;
            UPDATE customers SET confirmed_orders = 3, version = 3, preferred_since = now() WHERE id = 'ada' AND version = 2;
            """);

        var (_, shipped) = await OrderingService.SendAsync(
            ordering.Client(TestTokens.Staff()), "/orders/018f0000-0000-7000-8000-000000000009/ship");
        Assert.Equal("shipped", shipped.GetProperty("status").GetString());
    }

    [Fact]
    public async Task A_migration_that_broke_off_runs_again()
    {
        await using var database = await TestServers.CreateDatabaseAsync("ordering");
        await using var db = Context(database);
        await db.GetService<IMigrator>().MigrateAsync(Previous);
        await database.ExecuteAsync(Rows);
        await db.Database.MigrateAsync();

        // As if it had died before its last line: everything is done and nothing is written down.
        await database.ExecuteAsync($"DELETE FROM \"__EFMigrationsHistory\" WHERE \"MigrationId\" <> '{Previous}'");
        await db.Database.MigrateAsync();

        await AssertHistoriesAsync(database);
        Assert.Empty(await db.Database.GetPendingMigrationsAsync());
    }

    [Fact]
    public async Task The_migrations_make_what_the_model_says_and_can_be_undone()
    {
        await using var database = await TestServers.CreateDatabaseAsync("ordering");
        await using var db = Context(database);
        Assert.False(db.Database.HasPendingModelChanges(), "Scaffold a migration: see docs/migrations.md");
        await db.Database.MigrateAsync();
        var constraints = db.GetService<IDesignTimeModel>().Model.GetEntityTypes().SelectMany(entity => entity.GetCheckConstraints()).ToList();
        foreach (var constraint in constraints)
        {
            Assert.Equal(1, await database.ScalarAsync<long>(
                $"SELECT count(*) FROM pg_constraint WHERE contype = 'c' AND conname = '{constraint.Name}'"));
        }

        Assert.NotEmpty(constraints);
        await db.GetService<IMigrator>().MigrateAsync(Previous);
        Assert.Equal(0, await database.ScalarAsync<long>("SELECT count(*) FROM pg_class WHERE relname = 'orders_history'"));
    }

    private static async Task AssertHistoriesAsync(TestDatabase database)
    {
        var lines = await database.ScalarAsync<string[]>("""
            SELECT array_agg(concat_ws(' ', right(order_id::text, 1), version, from_status, to_status, reason, cause) ORDER BY order_id, version)
            FROM orders_history
            """);
        Assert.Equal([
            "1 1 Placed customer",
            "2 1 Placed customer", "2 2 Placed Confirmed not-recorded",
            "3 1 Placed customer", "3 2 Placed Rejected out-of-stock not-recorded",
            "4 1 Placed customer", "4 2 Placed Cancelled customer-request not-recorded",
            "5 1 Placed customer", "5 2 Placed Confirmed not-recorded", "5 3 Confirmed Cancelled customer-request not-recorded",
            "6 1 Placed customer", "6 2 Placed Confirmed not-recorded", "6 3 Confirmed Shipped not-recorded",
        ], lines);
    }

    private static string Line(JsonElement move) =>
        $"{move.GetProperty("version")} {move.GetProperty("cause")} {(move.TryGetProperty("at", out var at) ? at : "")}";

    private static async Task<(int, bool)> StandingAsync(HttpClient customer)
    {
        var standing = await OrderingService.GetAsync(customer, "/customers/me");
        return (standing.GetProperty("confirmedOrders").GetInt32(), standing.GetProperty("preferred").GetBoolean());
    }

    private static OrderingDbContext Context(TestDatabase database) =>
        new(new DbContextOptionsBuilder<OrderingDbContext>().UseNpgsql(database.ConnectionString).Options);

    /// <summary>The service, started on a database that the previous version has filled.</summary>
    private sealed class Upgraded : ServiceFixture<Program>
    {
        protected override async Task<TestDatabase> CreateDatabaseAsync()
        {
            var database = await TestServers.CreateDatabaseAsync("ordering");
            await using var db = Context(database);
            await db.GetService<IMigrator>().MigrateAsync(Previous);
            await database.ExecuteAsync(Rows);
            await MigratedDatabases.MigrateAsync<Program>(database);
            return database;
        }
    }
}
