using Microsoft.EntityFrameworkCore;
using Npgsql;
using Shop.Inventory.Domain;

namespace Shop.Inventory.Persistence;

/// <summary>What came of reserving an order's lines: either all of them, or the short ones and nothing is set aside.</summary>
/// <param name="ShortLines">The lines that cannot be served; none if all were set aside.</param>
/// <param name="BecameLow">The products that this made low; none if nothing was set aside.</param>
internal sealed record Reserving(IReadOnlyList<ShortLine> ShortLines, IReadOnlyList<StockLevelLow> BecameLow);

/// <summary>
/// Moves the units of an order's lines between the columns of their products, by atomic updates in the order of skus: so
/// nothing is oversold at any concurrency, and no two orders deadlock. All lines go in one round trip, one statement each,
/// behind the locks of their skus, so that whoever waits for a busy product gets his turn. Runs
/// in the transaction of the reservation. The ledger is written by <c>RecordMovements</c> from its domain event.
/// </summary>
internal sealed class StockMoves(InventoryDbContext db, TimeProvider clock)
{
    private const string Savepoint = "before_reserving";

    private const string Reserve = """
        UPDATE products SET on_hand = on_hand - $2, reserved = reserved + $2, version = version + 1
        WHERE sku = $1 AND on_hand >= $2 RETURNING sku, on_hand, version, low_stock_threshold
        """;

    private const string Release = """
        UPDATE products SET on_hand = on_hand + $2, reserved = reserved - $2, version = version + 1
        WHERE sku = $1 RETURNING sku, on_hand, version, low_stock_threshold
        """;

    private const string Ship = """
        UPDATE products SET reserved = reserved - $2, shipped = shipped + $2, version = version + 1
        WHERE sku = $1 RETURNING sku, on_hand, version, low_stock_threshold
        """;

    /// <summary>Sets every line aside, or none. Names the lines that are short; an unknown sku has nothing available.</summary>
    public async Task<Reserving> ReserveAsync(IReadOnlyList<ReservationLine> lines, CancellationToken ct)
    {
        var transaction = db.Database.CurrentTransaction
            ?? throw new InvalidOperationException("Stock is reserved in the transaction of the reservation.");
        while (true)
        {
            var moved = await MoveAsync(Reserve, lines, lines.Count > 1 ? Savepoint : null, ct);
            if (moved.Count == lines.Count)
            {
                return new Reserving([], [.. lines.SelectMany(line => BecameLow(line, moved[line.Sku]))]);
            }

            if (moved.Count > 0)
            {
                await transaction.RollbackToSavepointAsync(Savepoint, ct);
            }

            var shortLines = await AvailableAsync([.. lines.Where(line => !moved.ContainsKey(line.Sku))], ct);
            if (shortLines.All(line => line.Available < line.Asked))
            {
                return new Reserving(shortLines, []);
            }

            // Units came in between the two statements. All lines start again: one alone would be locked out of turn.
        }
    }

    /// <summary>Puts what was set aside back on the shelf.</summary>
    public Task ReleaseAsync(IEnumerable<ReservationLine> lines, CancellationToken ct) => MoveAllAsync(Release, lines, ct);

    /// <summary>Takes what was set aside out of the warehouse.</summary>
    public Task ShipAsync(IEnumerable<ReservationLine> lines, CancellationToken ct) => MoveAllAsync(Ship, lines, ct);

    private async Task MoveAllAsync(string update, IEnumerable<ReservationLine> lines, CancellationToken ct)
    {
        ReservationLine[] sorted = [.. lines.OrderBy(line => line.Sku, StringComparer.Ordinal)];
        var moved = await MoveAsync(update, sorted, null, ct);
        if (moved.Count != sorted.Length)
        {
            throw new InvalidOperationException("A product of a reservation is gone.");
        }
    }

    private async Task<Dictionary<string, Moved>> MoveAsync(
        string update, IReadOnlyList<ReservationLine> lines, string? savepoint, CancellationToken ct)
    {
        await using var batch = ((NpgsqlConnection)db.Database.GetDbConnection()).CreateBatch();
        batch.BatchCommands.Add(Locks.LockSkus(lines.Select(line => line.Sku)));
        if (savepoint is not null)
        {
            batch.BatchCommands.Add(new NpgsqlBatchCommand($"SAVEPOINT {savepoint}"));
        }

        foreach (var (sku, quantity) in lines)
        {
            batch.BatchCommands.Add(new NpgsqlBatchCommand(update)
            {
                Parameters = { new NpgsqlParameter<string> { TypedValue = sku }, new NpgsqlParameter<int> { TypedValue = quantity } },
            });
        }

        Dictionary<string, Moved> moved = [];
        await using var reader = await batch.ExecuteReaderAsync(ct);
        while (await reader.NextResultAsync(ct)) // what the locks returned says nothing
        {
            while (await reader.ReadAsync(ct))
            {
                int? threshold = await reader.IsDBNullAsync(3, ct) ? null : reader.GetInt32(3);
                moved.Add(reader.GetString(0), new Moved(reader.GetInt32(1), reader.GetInt32(2), threshold));
            }
        }

        return moved;
    }

    private async Task<IReadOnlyList<ShortLine>> AvailableAsync(IReadOnlyList<ReservationLine> lines, CancellationToken ct)
    {
        string[] skus = [.. lines.Select(line => line.Sku)];
        var onHand = await db.Products.Where(product => skus.Contains(product.Sku))
            .ToDictionaryAsync(product => product.Sku, product => product.OnHand, ct);
        return [.. lines.Select(line => new ShortLine(line.Sku, line.Quantity, onHand.GetValueOrDefault(line.Sku)))];
    }

    /// <summary>Decided from what the UPDATE itself returned, so that of many orders at once exactly one crosses.</summary>
    private IEnumerable<StockLevelLow> BecameLow(ReservationLine line, Moved moved)
    {
        if (Product.BecameLow(moved.OnHand + line.Quantity, moved.OnHand, moved.Threshold))
        {
            yield return new StockLevelLow(line.Sku, moved.Version, moved.OnHand, moved.Threshold!.Value, clock.GetUtcNow());
        }
    }

    private sealed record Moved(int OnHand, int Version, int? Threshold);
}
