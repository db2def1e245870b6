using Microsoft.EntityFrameworkCore;
using Npgsql;
using Shop.Inventory.Domain;

namespace Shop.Inventory.Persistence;

/// <summary>
/// Who waits for whom: first the order, then the skus in their order, each before its product's row. All locks end with the
/// transaction.
/// </summary>
internal static class Locks
{
    /// <summary>Runs work in the caller's transaction where there is one (a request with an Idempotency-Key), else in its own.</summary>
    public static async Task<T> InTransactionAsync<T>(this InventoryDbContext db, Func<Task<T>> work, CancellationToken ct)
    {
        if (db.Database.CurrentTransaction is not null)
        {
            return await work();
        }

        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var result = await work();
        await transaction.CommitAsync(ct);
        return result;
    }

    /// <summary>
    /// What was decided about an order, or null; nobody else decides about it until the transaction ends. The lock is on the
    /// order's id and not on the row, which is not there when the order's placing and its cancelling arrive together.
    /// </summary>
    public static async Task<Reservation?> LockReservationAsync(this InventoryDbContext db, Guid orderId, CancellationToken ct)
    {
        await LockAsync(db, $"order:{orderId}", ct);
        return await db.Reservations.FirstOrDefaultAsync(reservation => reservation.OrderId == orderId, ct);
    }

    /// <summary>As <see cref="LockReservationAsync"/> for many orders: what was decided about those of them that are known.</summary>
    public static async Task<Dictionary<Guid, Reservation>> LockReservationsAsync(
        this InventoryDbContext db, IEnumerable<Guid> orderIds, CancellationToken ct)
    {
        Guid[] sorted = [.. orderIds.Distinct().Order()];
        await db.Database.ExecuteSqlAsync(
            $"SELECT pg_advisory_xact_lock(hashtextextended('order:' || id, 0)) FROM unnest({sorted}) AS id", ct);
        return await db.Reservations.Where(reservation => sorted.Contains(reservation.OrderId)).ToDictionaryAsync(known => known.OrderId, ct);
    }

    /// <summary>Whether nobody else decides about an order at the moment; if so, nobody does until the transaction ends.</summary>
    public static Task<bool> TryLockOrderAsync(this InventoryDbContext db, Guid orderId, CancellationToken ct) => db.Database
        .SqlQuery<bool>($"SELECT pg_try_advisory_xact_lock(hashtextextended({$"order:{orderId}"}, 0)) AS \"Value\"").SingleAsync(ct);

    /// <summary>
    /// Takes the locks of skus in the order given, which is theirs. Those who wait get them in turn; a row has no such queue:
    /// whoever comes by while it is free takes it, and others waited for a busy product's row for half a minute.
    /// </summary>
    public static NpgsqlBatchCommand LockSkus(IEnumerable<string> skus) =>
        new("SELECT pg_advisory_xact_lock(hashtextextended('sku:' || sku, 0)) FROM unnest($1) AS sku")
        {
            Parameters = { new NpgsqlParameter<string[]> { TypedValue = [.. skus] } },
        };

    /// <summary>The product as it is now, or null; nobody else lists or changes it until the transaction ends.</summary>
    public static async Task<Product?> LockProductAsync(this InventoryDbContext db, string sku, CancellationToken ct)
    {
        await LockAsync(db, $"sku:{sku}", ct);
        return await db.Products.FromSql($"SELECT * FROM products WHERE sku = {sku} FOR NO KEY UPDATE").SingleOrDefaultAsync(ct);
    }

    private static Task<int> LockAsync(InventoryDbContext db, string what, CancellationToken ct) =>
        db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock(hashtextextended({what}, 0))", ct);
}
