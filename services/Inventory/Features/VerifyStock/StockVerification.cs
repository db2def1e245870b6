using System.Data;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Shop.Inventory.Persistence;

namespace Shop.Inventory.Features.VerifyStock;

/// <summary>
/// The <c>verify-stock</c> command: recomputes the columns of every product from the ledger, and the movements of every
/// reservation from its state, and prints each difference. It reads one snapshot, so it may run beside the service.
/// </summary>
internal static class StockVerification
{
    private const string Products = """
        WITH ledger AS (
            SELECT sku,
                coalesce(sum(quantity) FILTER (WHERE kind IN ('received', 'adjusted', 'released', 'expired')), 0)
                    - coalesce(sum(quantity) FILTER (WHERE kind IN ('reserved', 'reclaimed')), 0) AS on_hand,
                coalesce(sum(quantity) FILTER (WHERE kind IN ('reserved', 'reclaimed')), 0)
                    - coalesce(sum(quantity) FILTER (WHERE kind IN ('released', 'expired', 'shipped')), 0) AS reserved,
                coalesce(sum(quantity) FILTER (WHERE kind = 'shipped'), 0) AS shipped
            FROM stock_movements GROUP BY sku)
        SELECT format('%s: %s is %s by the ledger and %s in the product', sku, stock, by_ledger, stored)
        FROM products LEFT JOIN ledger USING (sku) CROSS JOIN LATERAL (VALUES
            ('on_hand', coalesce(ledger.on_hand, 0), products.on_hand),
            ('reserved', coalesce(ledger.reserved, 0), products.reserved),
            ('shipped', coalesce(ledger.shipped, 0), products.shipped)) AS columns (stock, by_ledger, stored)
        WHERE by_ledger <> stored
        ORDER BY sku, stock
        """;

    // Each line has exactly the movements of its reservation's state, and there are no movements without a line.
    private const string Reservations = """
        WITH moved AS (
            SELECT order_id, sku, string_agg(kind, ', ' ORDER BY kind) AS kinds, min(quantity) AS least, max(quantity) AS most
            FROM stock_movements WHERE order_id IS NOT NULL AND kind <> 'adjusted' GROUP BY order_id, sku),
        lines AS (
            SELECT order_id, sku, status, quantity
            FROM reservations LEFT JOIN reservation_lines USING (order_id)
            WHERE sku IS NOT NULL OR status <> 'released')
        SELECT format('order %s, %s: %s units are %s, and the ledger says: %s', order_id, coalesce(sku, 'no line'),
            coalesce(quantity, 0), coalesce(status, 'unknown'),
            coalesce(kinds || ' ' || CASE least WHEN most THEN least::text ELSE least || ' to ' || most END, 'nothing'))
        FROM lines FULL JOIN moved USING (order_id, sku)
        WHERE status IS NULL OR sku IS NULL OR least <> quantity OR most <> quantity
            OR coalesce(kinds, '') <> ALL (CASE status
                WHEN 'failed' THEN ARRAY['']
                WHEN 'reserved' THEN ARRAY['reserved']
                WHEN 'released' THEN ARRAY['released, reserved']
                WHEN 'expired' THEN ARRAY['expired, reserved']
                WHEN 'shipped' THEN ARRAY['reserved, shipped', 'expired, reclaimed, reserved, shipped'] END)
        ORDER BY order_id, sku
        """;

    private const string Summary = """
        SELECT format('%s products, %s movements and %s reservations', (SELECT count(*) FROM products),
            (SELECT count(*) FROM stock_movements), (SELECT count(*) FROM reservations))
        """;

    /// <summary>Writes a line for each difference, then a summary; the process's exit code, 0 when all agree and 1 otherwise.</summary>
    public static async Task<int> VerifyStockAsync(this WebApplication app, TextWriter output)
    {
        var ct = app.Lifetime.ApplicationStopping;
        await using var scope = app.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<InventoryDbContext>();
        await using var transaction = await db.Database.BeginTransactionAsync(IsolationLevel.RepeatableRead, ct);
        var connection = (NpgsqlConnection)db.Database.GetDbConnection();
        var differences = await WriteAsync(connection, Products, output, ct) + await WriteAsync(connection, Reservations, output, ct);
        await using var summary = new NpgsqlCommand(Summary, connection);
        await output.WriteLineAsync($"Checked {await summary.ExecuteScalarAsync(ct)}: "
            + (differences == 0 ? "all agree." : $"{differences} differences."));
        return differences == 0 ? 0 : 1;
    }

    private static async Task<int> WriteAsync(NpgsqlConnection connection, string query, TextWriter output, CancellationToken ct)
    {
        // No timeout: it scans the whole ledger.
        await using var command = new NpgsqlCommand(query, connection) { CommandTimeout = 0 };
        await using var reader = await command.ExecuteReaderAsync(ct);
        var lines = 0;
        while (await reader.ReadAsync(ct))
        {
            await output.WriteLineAsync(reader.GetString(0));
            lines++;
        }

        return lines;
    }
}
