using Microsoft.EntityFrameworkCore;
using Shop.Inventory.Domain;

namespace Shop.Inventory.Persistence;

/// <summary>
/// Who waits for whom: first the order (or the sku that may not be there yet), then rows of products in the order of their
/// skus. All locks end with the transaction.
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

    /// <summary>Whether nobody else decides about an order at the moment; if so, nobody does until the transaction ends.</summary>
    public static Task<bool> TryLockOrderAsync(this InventoryDbContext db, Guid orderId, CancellationToken ct) => db.Database
        .SqlQuery<bool>($"SELECT pg_try_advisory_xact_lock(hashtextextended({$"order:{orderId}"}, 0)) AS \"Value\"").SingleAsync(ct);

    /// <summary>The product, or null; nobody else lists or changes it until the transaction ends.</summary>
    public static async Task<Product?> LockSkuAsync(this InventoryDbContext db, string sku, CancellationToken ct)
    {
        await LockAsync(db, $"sku:{sku}", ct);
        return await db.LockProductAsync(sku, ct);
    }

    /// <summary>The product as it is now, or null; nobody else changes it until the transaction ends.</summary>
    public static Task<Product?> LockProductAsync(this InventoryDbContext db, string sku, CancellationToken ct) =>
        db.Products.FromSql($"SELECT * FROM products WHERE sku = {sku} FOR NO KEY UPDATE").FirstOrDefaultAsync(ct);

    private static Task<int> LockAsync(InventoryDbContext db, string what, CancellationToken ct) =>
        db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock(hashtextextended({what}, 0))", ct);
}
