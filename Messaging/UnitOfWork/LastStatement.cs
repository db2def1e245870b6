using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace Shop.Messaging.UnitOfWork;

/// <summary>Runs a last statement together with the commit, such as storing the response of a request.</summary>
public static class LastStatement
{
    /// <summary>Commits, with a last statement in the same round trip and transaction.</summary>
    /// <exception cref="InvalidOperationException">The context was not injected, or has no domain events.</exception>
    public static Task CommitWithAsync(this IDbContextTransaction transaction, DbContext db, NpgsqlBatchCommand last, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        ArgumentNullException.ThrowIfNull(db);
        return CommitProtocol.Of(db) is { } protocol
            ? protocol.CommitWithAsync(transaction, last, ct)
            : throw new InvalidOperationException($"{db.GetType().Name} has no unit of work. Inject it, and call AddDomainEvents for it.");
    }
}
