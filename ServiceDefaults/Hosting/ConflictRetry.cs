using Microsoft.EntityFrameworkCore;
using Shop.Messaging.UnitOfWork;

namespace Shop.ServiceDefaults.Hosting;

/// <summary>Optimistic concurrency for requests: after a concurrency conflict the work is retried on fresh data.</summary>
public static class ConflictRetry
{
    private const int Attempts = 5;

    /// <summary>
    /// Runs work that loads, decides and saves; after a concurrency conflict it is retried with an empty context, at most five
    /// times in all. The last conflict is thrown and becomes a 409. In a transaction, such as that of a request with an Idempotency-Key, each save has
    /// a savepoint: after an error PostgreSQL rejects further statements until a rollback to it.
    /// </summary>
    public static async Task<T> RetryOnConflictAsync<T>(this DbContext db, Func<Task<T>> work)
    {
        ArgumentNullException.ThrowIfNull(db);
        ArgumentNullException.ThrowIfNull(work);
        db.Database.AutoSavepointsEnabled = true;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await work();
            }
            catch (Exception e) when (Transient.IsConflict(e) && attempt < Attempts)
            {
                db.ChangeTracker.Clear();
            }
        }
    }
}
