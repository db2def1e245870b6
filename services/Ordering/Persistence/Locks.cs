using Microsoft.EntityFrameworkCore;

namespace Shop.Ordering.Persistence;

/// <summary>Who waits for whom: customers are locked in the order of their ids, and before their orders change.</summary>
internal static class Locks
{
    /// <summary>
    /// Loads customers, those who are new too, so that nobody else counts their orders until the transaction ends. Locked, because a
    /// busy customer's orders are confirmed at the same time: waiting is cheaper than starting again.
    /// </summary>
    public static async Task LockCustomersAsync(this OrderingDbContext db, IEnumerable<string> ids, CancellationToken ct)
    {
        var missing = await LoadAsync(db, ids, ct);
        if (missing.Length > 0)
        {
            // Two first orders may be confirmed at the same moment: one of them adds the customer, the other waits for it.
            await db.Database.ExecuteSqlAsync($"""
                INSERT INTO customers (id, confirmed_orders, version) SELECT id, 0, 0 FROM unnest({missing}) AS id ORDER BY id
                ON CONFLICT (id) DO NOTHING
                """, ct);
            await LoadAsync(db, missing, ct);
        }
    }

    private static async Task<string[]> LoadAsync(OrderingDbContext db, IEnumerable<string> ids, CancellationToken ct)
    {
        var wanted = Missing(db, ids);
        if (wanted.Length > 0)
        {
            await db.Customers.FromSql($"SELECT * FROM customers WHERE id = ANY ({wanted}) ORDER BY id FOR UPDATE").LoadAsync(ct);
        }

        return Missing(db, wanted);
    }

    private static string[] Missing(OrderingDbContext db, IEnumerable<string> ids)
    {
        var loaded = db.Customers.Local; // asked for once: each time, all that is tracked is looked through for changes
        return [.. ids.Distinct().Where(id => loaded.FindEntry(id) is null)];
    }
}
