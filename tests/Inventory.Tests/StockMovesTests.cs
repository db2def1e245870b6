using Microsoft.EntityFrameworkCore;
using Npgsql;
using Shop.Inventory.Domain;
using Shop.Inventory.Persistence;
using static Shop.Inventory.Tests.InventoryService;

namespace Shop.Inventory.Tests;

/// <summary>Reserving for many orders, and by many instances concurrently: one service alone processes one batch after the other.</summary>
public sealed class StockMovesTests : IAsyncLifetime
{
    private TestDatabase _database = null!;

    public async ValueTask InitializeAsync() => _database = await MigratedDatabases.CreateAsync<Program>();

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    [Fact]
    public async Task Orders_of_one_batch_are_reserved_in_order_each_all_or_nothing()
    {
        var (tea, jam) = (await StockedAsync(10, lowAt: 4), await StockedAsync(5));
        await using var db = Open();
        await using var transaction = await db.Database.BeginTransactionAsync();

        var outcomes = await Moves(db).ReserveAsync(
            [[new(tea, 6)], [new(jam, 1), new(tea, 6)], [new(jam, 5)], [new(tea, 4)], [new("nothing-such", 1)]], CancellationToken.None);
        await transaction.CommitAsync();

        Assert.Equal([[], [new ShortLine(tea, 6, 4)], [], [], [new ShortLine("nothing-such", 1, 0)]], outcomes.Select(outcome => outcome.ShortLines));
        var low = Assert.Single(outcomes.SelectMany(outcome => outcome.BecameLow));
        Assert.Equal((tea, 2, 4), (low.Sku, low.ProductVersion, low.OnHand));
        Assert.Same(low, Assert.Single(outcomes[0].BecameLow));
        Assert.Equal(["0 | 10 | 3", "0 | 5 | 2"], [await ProductAsync(tea), await ProductAsync(jam)]);
    }

    [Fact]
    public async Task Concurrent_reservations_wait_and_never_oversell()
    {
        var skus = new[] { await StockedAsync(30), await StockedAsync(30), await StockedAsync(30) };

        var outcomes = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(async () =>
        {
            await using var db = Open();
            await using var transaction = await db.Database.BeginTransactionAsync();
            IReadOnlyList<ReservationLine> lines = [.. skus.Select(sku => new ReservationLine(sku, 1))];
            var outcome = await Moves(db).ReserveAsync([lines, lines], CancellationToken.None);
            await transaction.CommitAsync();
            return outcome;
        })));

        var reserved = outcomes.SelectMany(outcome => outcome).Count(outcome => outcome.ShortLines.Count == 0);
        Assert.Equal(30, reserved);
        Assert.All(await Task.WhenAll(skus.Select(ProductAsync)), product => Assert.StartsWith("0 | 30 | ", product, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Stock_changed_without_the_lock_is_not_reserved_twice()
    {
        var sku = await StockedAsync(10);
        await using var db = Open();
        await using var transaction = await db.Database.BeginTransactionAsync();
        await using var other = new NpgsqlConnection(_database.ConnectionString);
        await other.OpenAsync();
        await using var taking = await other.BeginTransactionAsync();
        await using (var take = new NpgsqlCommand($"UPDATE products SET on_hand = 4 WHERE sku = '{sku}'", other))
        {
            await take.ExecuteNonQueryAsync();
        }

        var reserving = Moves(db).ReserveAsync([[new(sku, 6)]], CancellationToken.None);
        await Eventually.HoldsAsync("it has read, and waits for the row", async () => await _database.ScalarAsync<long>(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == 1);
        await taking.CommitAsync();

        await Assert.ThrowsAsync<DbUpdateConcurrencyException>(() => reserving);
    }

    private async Task<string> StockedAsync(int units, int? lowAt = null)
    {
        var sku = NewSku();
        await _database.ExecuteAsync($"""
            INSERT INTO products (sku, name, unit_price, currency, on_hand, reserved, shipped, version, low_stock_threshold)
            VALUES ('{sku}', 'Tea', 1, 'EUR', {units}, 0, 0, 1, {lowAt?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "NULL"})
            """);
        return sku;
    }

    private async Task<string> ProductAsync(string sku) =>
        Assert.Single(await _database.RowsAsync($"SELECT on_hand, reserved, version FROM products WHERE sku = '{sku}'"));

    private InventoryDbContext Open() =>
        new(new DbContextOptionsBuilder<InventoryDbContext>().UseNpgsql(_database.ConnectionString).Options);

    private static StockMoves Moves(InventoryDbContext db) => new(db, TimeProvider.System);
}
