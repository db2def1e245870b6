using Microsoft.EntityFrameworkCore;
using Shop.Messaging.UnitOfWork;

namespace Shop.ServiceDefaults.Hosting;

/// <summary>Optimistic concurrency, for requests: whoever loses the race decides again from what is there now.</summary>
public static class ConflictRetry
{
    private const int Attempts = 5;

    /// <summary>
    /// Runs a piece of work that loads, decides and saves; after a conflict it runs again with an empty context, at most five
    /// times in all. The last conflict is thrown and becomes a 409. In a transaction, as of a request with an Idempotency-Key, each save has
    /// a savepoint: a conflict may be an error, after which the server takes nothing more until the transaction goes back to one.
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
