using Microsoft.EntityFrameworkCore;

namespace Shop.Ordering.Persistence;

/// <summary>The lock order: customers ordered by id, before their orders change.</summary>
internal static class Locks
{
    /// <summary>
    /// Loads customers, adding new ones, and locks them until the transaction ends. Locked, because a
    /// busy customer's orders are confirmed concurrently: waiting is cheaper than retrying.
    /// </summary>
    public static async Task LockCustomersAsync(this OrderingDbContext db, IEnumerable<string> ids, CancellationToken ct)
    {
        var missing = await LoadAsync(db, ids, ct);
        if (missing.Length > 0)
        {
            // Two first orders may be confirmed concurrently: one transaction adds the customer, the other waits for it.
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
        var loaded = db.Customers.Local; // read once: each access runs DetectChanges
        return [.. ids.Distinct().Where(id => loaded.FindEntry(id) is null)];
    }
}
