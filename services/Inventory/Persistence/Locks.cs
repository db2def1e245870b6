using Microsoft.EntityFrameworkCore;
using Npgsql;
using Shop.Inventory.Domain;

namespace Shop.Inventory.Persistence;

/// <summary>
/// The lock order: first the order, then the skus in sku order, each before its product's row. All locks end with the
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
    /// The decision about an order, or null, locked until the transaction ends. The lock is on the
    /// order's id and not on the row, which does not exist yet when OrderPlaced and OrderCancelled arrive together.
    /// </summary>
    public static async Task<Reservation?> LockReservationAsync(this InventoryDbContext db, Guid orderId, CancellationToken ct)
    {
        await LockAsync(db, $"order:{orderId}", ct);
        return await db.Reservations.FirstOrDefaultAsync(reservation => reservation.OrderId == orderId, ct);
    }

    /// <summary>As <see cref="LockReservationAsync"/> for many orders: the decisions that exist.</summary>
    public static async Task<Dictionary<Guid, Reservation>> LockReservationsAsync(
        this InventoryDbContext db, IEnumerable<Guid> orderIds, CancellationToken ct)
    {
        Guid[] sorted = [.. orderIds.Distinct().Order()];
        await db.Database.ExecuteSqlAsync(
            $"SELECT pg_advisory_xact_lock(hashtextextended('order:' || id, 0)) FROM unnest({sorted}) AS id", ct);
        return await db.Reservations.Where(reservation => sorted.Contains(reservation.OrderId)).ToDictionaryAsync(known => known.OrderId, ct);
    }

    /// <summary>Tries to lock an order until the transaction ends, without waiting.</summary>
    public static Task<bool> TryLockOrderAsync(this InventoryDbContext db, Guid orderId, CancellationToken ct) => db.Database
        .SqlQuery<bool>($"SELECT pg_try_advisory_xact_lock(hashtextextended({$"order:{orderId}"}, 0)) AS \"Value\"").SingleAsync(ct);

    /// <summary>
    /// Locks skus in the given order, which must be sku order. Advisory locks are granted in queue order; row locks are not:
    /// without them, transactions waited for a busy product's row for half a minute.
    /// </summary>
    public static NpgsqlBatchCommand LockSkus(IEnumerable<string> skus) =>
        new("SELECT pg_advisory_xact_lock(hashtextextended('sku:' || sku, 0)) FROM unnest($1) AS sku")
        {
            Parameters = { new NpgsqlParameter<string[]> { TypedValue = [.. skus] } },
        };

    /// <summary>The current product, or null, locked until the transaction ends.</summary>
    public static async Task<Product?> LockProductAsync(this InventoryDbContext db, string sku, CancellationToken ct)
    {
        await LockAsync(db, $"sku:{sku}", ct);
        return await db.Products.FromSql($"SELECT * FROM products WHERE sku = {sku} FOR NO KEY UPDATE").SingleOrDefaultAsync(ct);
    }

    private static Task<int> LockAsync(InventoryDbContext db, string what, CancellationToken ct) =>
        db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock(hashtextextended({what}, 0))", ct);
}
