using Microsoft.EntityFrameworkCore;
using Shop.Inventory.Domain;

namespace Shop.Inventory.Persistence;

/// <summary>
/// Moves the units of an order's lines between the columns of their products, by atomic updates in the order of skus: so
/// nothing is oversold at any concurrency, and no two orders deadlock. Runs in the inbox's transaction. The ledger is written
/// by <c>RecordMovements</c> from the reservation's domain event.
/// </summary>
internal sealed class StockMoves(InventoryDbContext db)
{
    private const string Savepoint = "before_reserving";

    /// <summary>Sets every line aside, or none. Names the lines that are short; an unknown sku has nothing available.</summary>
    public async Task<IReadOnlyList<ShortLine>> ReserveAsync(IReadOnlyList<ReservationLine> lines, CancellationToken ct)
    {
        var transaction = db.Database.CurrentTransaction
            ?? throw new InvalidOperationException("Stock is reserved in the transaction of the reservation.");
        await transaction.CreateSavepointAsync(Savepoint, ct);
        List<ShortLine> shortLines = [];
        foreach (var line in lines)
        {
            // Goes on behind a short line: whoever asked wants to know all of them.
            if (await TryReserveAsync(line, ct) is { } shortLine)
            {
                shortLines.Add(shortLine);
            }
        }

        if (shortLines.Count > 0)
        {
            await transaction.RollbackToSavepointAsync(Savepoint, ct);
        }

        return shortLines;
    }

    /// <summary>Puts what was set aside back on the shelf.</summary>
    public async Task ReleaseAsync(IEnumerable<ReservationLine> lines, CancellationToken ct)
    {
        foreach (var (sku, quantity) in lines.OrderBy(line => line.Sku, StringComparer.Ordinal))
        {
            await db.Products.Where(product => product.Sku == sku).ExecuteUpdateAsync(set => set
                .SetProperty(product => product.OnHand, product => product.OnHand + quantity)
                .SetProperty(product => product.Reserved, product => product.Reserved - quantity)
                .SetProperty(product => product.Version, product => product.Version + 1), ct);
        }
    }

    /// <summary>Takes what was set aside out of the warehouse.</summary>
    public async Task ShipAsync(IEnumerable<ReservationLine> lines, CancellationToken ct)
    {
        foreach (var (sku, quantity) in lines.OrderBy(line => line.Sku, StringComparer.Ordinal))
        {
            await db.Products.Where(product => product.Sku == sku).ExecuteUpdateAsync(set => set
                .SetProperty(product => product.Reserved, product => product.Reserved - quantity)
                .SetProperty(product => product.Shipped, product => product.Shipped + quantity)
                .SetProperty(product => product.Version, product => product.Version + 1), ct);
        }
    }

    private async Task<ShortLine?> TryReserveAsync(ReservationLine line, CancellationToken ct)
    {
        var (sku, quantity) = line;
        while (true)
        {
            var updated = await db.Products.Where(product => product.Sku == sku && product.OnHand >= quantity)
                .ExecuteUpdateAsync(set => set
                    .SetProperty(product => product.OnHand, product => product.OnHand - quantity)
                    .SetProperty(product => product.Reserved, product => product.Reserved + quantity)
                    .SetProperty(product => product.Version, product => product.Version + 1), ct);
            if (updated == 1)
            {
                return null;
            }

            var available = await db.Products.Where(product => product.Sku == sku).Select(product => product.OnHand)
                .FirstOrDefaultAsync(ct);
            if (available < quantity)
            {
                return new ShortLine(sku, quantity, available);
            }

            // Units came in between the two statements: there is enough now.
        }
    }
}
