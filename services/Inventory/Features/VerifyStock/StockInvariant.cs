using Microsoft.EntityFrameworkCore;
using Npgsql;
using Shop.Inventory.Persistence;
using Shop.ServiceDefaults.Operations;

namespace Shop.Inventory.Features.VerifyStock;

/// <summary>I3 in one statement, which is one snapshot: per product, what is there adds up to what came in, and nothing is negative.</summary>
internal sealed class StockInvariant(TimeProvider clock) : IDisposable
{
    private static readonly TimeSpan s_age = TimeSpan.FromSeconds(10);

    private const string Violations = """
        WITH ledger AS (SELECT sku, sum(quantity) FILTER (WHERE kind = 'received') AS received, sum(quantity) FILTER (WHERE kind = 'adjusted') AS adjusted
            FROM stock_movements GROUP BY sku)
        SELECT format('%s: on hand %s + reserved %s + shipped %s is not received %s + adjusted %s',
            sku, on_hand, reserved, shipped, coalesce(received, 0), coalesce(adjusted, 0))
        FROM products LEFT JOIN ledger USING (sku)
        WHERE on_hand + reserved + shipped <> coalesce(received, 0) + coalesce(adjusted, 0) OR least(on_hand, reserved, shipped) < 0
        ORDER BY sku LIMIT 100
        """;

    private readonly SemaphoreSlim _one = new(1, 1);
    private StockPart? _last;
    private long _readAt;

    /// <summary>At most once in ten seconds: it reads the whole ledger.</summary>
    public async Task<InvariantPart> ReadAsync(InventoryDbContext db, CancellationToken ct)
    {
        await _one.WaitAsync(ct);
        try
        {
            if (_last is null || clock.GetElapsedTime(_readAt) >= s_age)
            {
                _last = await ReadNowAsync(db, ct);
                _readAt = clock.GetTimestamp();
            }

            return new InvariantPart(Stock: _last);
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();

    private static async Task<StockPart> ReadNowAsync(InventoryDbContext db, CancellationToken ct)
    {
        await db.Database.OpenConnectionAsync(ct);
        var connection = (NpgsqlConnection)db.Database.GetDbConnection();
        List<string> violations = [];
        await using (var command = new NpgsqlCommand(Violations, connection))
        await using (var reader = await command.ExecuteReaderAsync(ct))
        {
            while (await reader.ReadAsync(ct))
            {
                violations.Add(reader.GetString(0));
            }
        }

        await using var count = new NpgsqlCommand("SELECT count(*) FROM products", connection);
        return new StockPart((long)(await count.ExecuteScalarAsync(ct))!, violations);
    }
}
