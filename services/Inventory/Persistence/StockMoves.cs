using Microsoft.EntityFrameworkCore;
using Npgsql;
using Shop.Inventory.Domain;

namespace Shop.Inventory.Persistence;

/// <summary>What came of reserving an order's lines: either all of them, or the short ones and nothing is set aside.</summary>
/// <param name="ShortLines">The lines that cannot be served; none if all were set aside.</param>
/// <param name="BecameLow">The products that this made low; none if nothing was set aside.</param>
internal sealed record Reserving(IReadOnlyList<ShortLine> ShortLines, IReadOnlyList<StockLevelLow> BecameLow);

/// <summary>
/// Moves the units of orders' lines between the columns of their products, by atomic updates: so nothing is oversold at any
/// concurrency. Behind the locks of their skus, in their order, so that whoever waits for a busy product gets his turn and no two
/// orders deadlock. Runs in the transaction of the reservations. The ledger is written by <c>RecordMovements</c> from their events.
/// </summary>
internal sealed class StockMoves(InventoryDbContext db, TimeProvider clock)
{
    // What was decided is checked again by the update itself, whatever somebody without the locks may have done.
    private const string ReserveUnits = """
        UPDATE products SET on_hand = on_hand - taken.units, reserved = reserved + taken.units, version = version + taken.orders
        FROM unnest($1, $2, $3) AS taken (sku, units, orders) WHERE products.sku = taken.sku AND on_hand >= taken.units
        """;

    private const string Release = """
        UPDATE products SET on_hand = on_hand + $2, reserved = reserved - $2, version = version + 1 WHERE sku = $1
        """;

    private const string Ship = """
        UPDATE products SET reserved = reserved - $2, shipped = shipped + $2, version = version + 1 WHERE sku = $1
        """;

    private NpgsqlConnection Connection => db.Database.CurrentTransaction is null
        ? throw new InvalidOperationException("Stock is moved in the transaction of the reservation.")
        : (NpgsqlConnection)db.Database.GetDbConnection();

    /// <summary>
    /// Sets every line of an order aside, or none of its, one order after the other. Names the lines that are short; an unknown sku has
    /// nothing available. Three round trips, however many orders there are.
    /// </summary>
    /// <param name="orders">The lines of each order, each sku once.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>What came of each order, in the order given.</returns>
    public async Task<IReadOnlyList<Reserving>> ReserveAsync(IReadOnlyList<IReadOnlyList<ReservationLine>> orders, CancellationToken ct)
    {
        var shelves = await LockShelvesAsync(orders.SelectMany(lines => lines).Select(line => line.Sku), ct);
        List<Reserving> outcomes = [.. orders.Select(lines => Reserve(lines, shelves))];
        var taken = shelves.Values.Where(shelf => shelf.Orders > 0).ToList();
        if (taken.Count > 0 && await TakeAsync(taken, ct) != taken.Count)
        {
            throw new DbUpdateConcurrencyException("Stock was moved without its lock at the same moment.");
        }

        return outcomes;
    }

    /// <summary>Puts what was set aside back on the shelf.</summary>
    public Task ReleaseAsync(IEnumerable<ReservationLine> lines, CancellationToken ct) => MoveAllAsync(Release, lines, ct);

    /// <summary>Takes what was set aside out of the warehouse.</summary>
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
            throw new InvalidOperationException("A product of a reservation is gone.");
        }
    }

    /// <summary>What is there of each product, which nobody else changes until the transaction ends.</summary>
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
        await reader.NextResultAsync(ct); // what the locks returned says nothing
        while (await reader.ReadAsync(ct))
        {
            int? threshold = await reader.IsDBNullAsync(3, ct) ? null : reader.GetInt32(3);
            shelves.Add(reader.GetString(0), new Shelf(reader.GetString(0), reader.GetInt32(1), reader.GetInt32(2), threshold));
        }

        return shelves;
    }

    private Reserving Reserve(IReadOnlyList<ReservationLine> lines, Dictionary<string, Shelf> shelves)
    {
        List<ShortLine> shortLines = [.. lines.Select(line => new ShortLine(line.Sku, line.Quantity, shelves.GetValueOrDefault(line.Sku)?.OnHand ?? 0))
            .Where(line => line.Available < line.Asked)];
        return shortLines.Count > 0
            ? new Reserving(shortLines, [])
            : new Reserving([], [.. lines.Select(line => Take(shelves[line.Sku], line.Quantity)).OfType<StockLevelLow>()]);
    }

    /// <summary>Says whether this made the product low: of many orders at once exactly one does.</summary>
    private StockLevelLow? Take(Shelf shelf, int units)
    {
        var before = shelf.OnHand;
        shelf.Take(units);
        return Product.BecameLow(before, shelf.OnHand, shelf.Threshold)
            ? new StockLevelLow(shelf.Sku, shelf.Version, shelf.OnHand, shelf.Threshold!.Value, clock.GetUtcNow())
            : null;
    }

    /// <summary>How many products had as much.</summary>
    private async Task<int> TakeAsync(IReadOnlyCollection<Shelf> taken, CancellationToken ct)
    {
        await using var update = new NpgsqlCommand(ReserveUnits, Connection)
        {
            Parameters =
            {
                new NpgsqlParameter<string[]> { TypedValue = [.. taken.Select(shelf => shelf.Sku)] },
                new NpgsqlParameter<int[]> { TypedValue = [.. taken.Select(shelf => shelf.Taken)] },
                new NpgsqlParameter<int[]> { TypedValue = [.. taken.Select(shelf => shelf.Orders)] },
            },
        };
        return await update.ExecuteNonQueryAsync(ct);
    }

    /// <summary>What is there of a product, while orders take from it.</summary>
    private sealed class Shelf(string sku, int onHand, int version, int? threshold)
    {
        public string Sku => sku;

        public int OnHand => onHand - Taken;

        public int Version => version + Orders;

        public int? Threshold => threshold;

        public int Taken { get; private set; }

        public int Orders { get; private set; }

        public void Take(int units)
        {
            Taken += units;
            Orders++;
        }
    }
}
