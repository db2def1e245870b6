using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace Shop.Messaging.UnitOfWork;

/// <summary>For whoever has something to store at the very end of a transaction, such as an answer that belongs to it.</summary>
public static class LastStatement
{
    /// <summary>Commits, with a last statement in the same round trip: it is done with the transaction, or not done.</summary>
    /// <exception cref="InvalidOperationException">The context was not injected, or has no domain events.</exception>
    public static Task CommitWithAsync(this IDbContextTransaction transaction, DbContext db, NpgsqlBatchCommand last, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        ArgumentNullException.ThrowIfNull(db);
        return CommitProtocol.Of(db) is { } protocol
            ? protocol.CommitWithAsync(transaction, last, ct)
            : throw new InvalidOperationException($"{db.GetType().Name} belongs to no scope: have it injected, after AddDomainEvents.");
    }
}
