using Microsoft.EntityFrameworkCore;
using Npgsql;
using Shop.Inventory.Domain;

namespace Shop.Inventory.Persistence;

/// <summary>The result of reserving an order's lines: all of them, or none with the short lines.</summary>
/// <param name="ShortLines">The lines that are short; empty if all were reserved.</param>
/// <param name="BecameLow">The products that became low; empty if nothing was reserved.</param>
internal sealed record ReservationResult(IReadOnlyList<ShortLine> ShortLines, IReadOnlyList<StockLevelLow> BecameLow);

/// <summary>
/// Moves the units of orders' lines between the columns of their products, by atomic updates: no overselling at any
/// concurrency. The skus are locked first, in sku order, so that waiting is fair and two
/// orders cannot deadlock. Runs in the transaction of the reservations. <c>RecordMovements</c> writes the ledger from their events.
/// </summary>
internal sealed class StockMoves(InventoryDbContext db, TimeProvider clock)
{
    // The update checks the condition again, in case something bypassed the locks.
    private const string ReserveUnits = """
        UPDATE products SET on_hand = on_hand - change.units, reserved = reserved + change.units, version = version + change.orders
        FROM unnest($1, $2, $3) AS change (sku, units, orders) WHERE products.sku = change.sku AND on_hand >= change.units
        """;

    private const string Release = """
        UPDATE products SET on_hand = on_hand + $2, reserved = reserved - $2, version = version + 1 WHERE sku = $1
        """;

    private const string Ship = """
        UPDATE products SET reserved = reserved - $2, shipped = shipped + $2, version = version + 1 WHERE sku = $1
        """;

    private NpgsqlConnection Connection => db.Database.CurrentTransaction is null
        ? throw new InvalidOperationException("Stock must be moved in the transaction of the reservation. Begin one first.")
        : (NpgsqlConnection)db.Database.GetDbConnection();

    /// <summary>
    /// Reserves all lines of each order, or none, one order after the other. Returns the short lines; an unknown sku has
    /// nothing available. Three round trips for any number of orders.
    /// </summary>
    /// <param name="orders">The lines of each order, each sku once.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>The result of each order, in the given order.</returns>
    public async Task<IReadOnlyList<ReservationResult>> ReserveAsync(IReadOnlyList<IReadOnlyList<ReservationLine>> orders, CancellationToken ct)
    {
        var shelves = await LockShelvesAsync(orders.SelectMany(lines => lines).Select(line => line.Sku), ct);
        List<ReservationResult> outcomes = [.. orders.Select(lines => Reserve(lines, shelves))];
        var reserved = shelves.Values.Where(shelf => shelf.Orders > 0).ToList();
        if (reserved.Count > 0 && await UpdateAsync(reserved, ct) != reserved.Count)
        {
            throw new DbUpdateConcurrencyException("Stock was changed concurrently without its lock.");
        }

        return outcomes;
    }

    /// <summary>Releases reserved units.</summary>
    public Task ReleaseAsync(IEnumerable<ReservationLine> lines, CancellationToken ct) => MoveAllAsync(Release, lines, ct);

    /// <summary>Ships reserved units.</summary>
    public Task ShipAsync(IEnumerable<ReservationLine> lines, CancellationToken ct) => MoveAllAsync(Ship, lines, ct);

    private async Task MoveAllAsync(string update, IEnumerable<ReservationLine> lines, CancellationToken ct)
    {
        ReservationLine[] sorted = [.. lines.OrderBy(line => line.Sku, StringComparer.Ordinal)];
        await using var batch = Connection.CreateBatch();
        batch.BatchCommands.Add(Locks.LockSkus(sorted.Select(line => line.Sku)));
        foreach (var (sku, quantity) in sorted)
        {
            batch.BatchCommands.Add(new NpgsqlBatchCommand(update)
            {
                Parameters = { new NpgsqlParameter<string> { TypedValue = sku }, new NpgsqlParameter<int> { TypedValue = quantity } },
            });
        }

        if (await batch.ExecuteNonQueryAsync(ct) != sorted.Length)
        {
            throw new InvalidOperationException("A product of a reservation does not exist.");
        }
    }

    /// <summary>The stock of each product, locked until the transaction ends.</summary>
    private async Task<Dictionary<string, Shelf>> LockShelvesAsync(IEnumerable<string> skus, CancellationToken ct)
    {
        string[] sorted = [.. skus.Distinct().Order(StringComparer.Ordinal)];
        await using var batch = Connection.CreateBatch();
        batch.BatchCommands.Add(Locks.LockSkus(sorted));
        batch.BatchCommands.Add(new NpgsqlBatchCommand("SELECT sku, on_hand, version, low_stock_threshold FROM products WHERE sku = ANY ($1)")
        {
            Parameters = { new NpgsqlParameter<string[]> { TypedValue = sorted } },
        });

        Dictionary<string, Shelf> shelves = [];
        await using var reader = await batch.ExecuteReaderAsync(ct);
        await reader.NextResultAsync(ct); // skips the result of the locks
        while (await reader.ReadAsync(ct))
        {
            int? threshold = await reader.IsDBNullAsync(3, ct) ? null : reader.GetInt32(3);
            shelves.Add(reader.GetString(0), new Shelf(reader.GetString(0), reader.GetInt32(1), reader.GetInt32(2), threshold));
        }

        return shelves;
    }

    private ReservationResult Reserve(IReadOnlyList<ReservationLine> lines, Dictionary<string, Shelf> shelves)
    {
        List<ShortLine> shortLines = [.. lines.Select(line => new ShortLine(line.Sku, line.Quantity, shelves.GetValueOrDefault(line.Sku)?.OnHand ?? 0))
            .Where(line => line.Available < line.Asked)];
        return shortLines.Count > 0
            ? new ReservationResult(shortLines, [])
            : new ReservationResult([], [.. lines.Select(line => ReserveFrom(shelves[line.Sku], line.Quantity)).OfType<StockLevelLow>()]);
    }

    /// <summary>Reserves units; returns the event if the product became low: exactly one of several orders causes it.</summary>
    private StockLevelLow? ReserveFrom(Shelf shelf, int units)
    {
        var before = shelf.OnHand;
        shelf.Reserve(units);
        return Product.BecameLow(before, shelf.OnHand, shelf.Threshold)
            ? new StockLevelLow(shelf.Sku, shelf.Version, shelf.OnHand, shelf.Threshold!.Value, clock.GetUtcNow())
            : null;
    }

    /// <summary>Updates the products; returns how many had enough stock.</summary>
    private async Task<int> UpdateAsync(IReadOnlyCollection<Shelf> reserved, CancellationToken ct)
    {
        await using var update = new NpgsqlCommand(ReserveUnits, Connection)
        {
            Parameters =
            {
                new NpgsqlParameter<string[]> { TypedValue = [.. reserved.Select(shelf => shelf.Sku)] },
                new NpgsqlParameter<int[]> { TypedValue = [.. reserved.Select(shelf => shelf.ReservedUnits)] },
                new NpgsqlParameter<int[]> { TypedValue = [.. reserved.Select(shelf => shelf.Orders)] },
            },
        };
        return await update.ExecuteNonQueryAsync(ct);
    }

    /// <summary>The stock of a product while orders of the batch reserve from it.</summary>
    private sealed class Shelf(string sku, int onHand, int version, int? threshold)
    {
        public string Sku => sku;

        public int OnHand => onHand - ReservedUnits;

        public int Version => version + Orders;

        public int? Threshold => threshold;

        public int ReservedUnits { get; private set; }

        public int Orders { get; private set; }

        public void Reserve(int units)
        {
            ReservedUnits += units;
            Orders++;
        }
    }
}
