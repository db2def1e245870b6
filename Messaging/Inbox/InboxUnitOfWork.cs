using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;
using Shop.Messaging.UnitOfWork;

namespace Shop.Messaging.Inbox;

/// <summary>The consumer's own unit of work.</summary>
/// <param name="db">The consumer's context.</param>
/// <param name="unitOfWork">What the context belongs to.</param>
/// <param name="clock">Dates inbox rows.</param>
/// <param name="expectsRepeats">
/// The inbox row is written before the consumer runs, and not together with what it saves: a round trip more, and a repeat costs
/// neither its work nor an exception. Whoever comes second waits at the row for the first to end.
/// </param>
internal sealed class InboxUnitOfWork(DbContext db, CommitProtocol unitOfWork, TimeProvider clock, bool expectsRepeats) : IInboxUnitOfWork
{
    private IDbContextTransaction? _transaction;

    public async Task<bool> BeginAsync(Guid eventId, string consumer, CancellationToken ct)
    {
        // A savepoint around each SaveChanges would be two more round trips, and nobody goes back to one: what fails starts again.
        db.Database.AutoSavepointsEnabled = false;
        _transaction = await db.Database.BeginTransactionAsync(ct);
        if (expectsRepeats)
        {
            return await db.Database.ExecuteSqlAsync(
                $"INSERT INTO inbox (event_id, consumer, processed_at) VALUES ({eventId}, {consumer}, {clock.GetUtcNow()}) ON CONFLICT DO NOTHING", ct) == 1;
        }

        db.Add(new InboxMessage { EventId = eventId, Consumer = consumer, ProcessedAt = clock.GetUtcNow() });
        return true;
    }

    public Task CommitAsync(CancellationToken ct) => unitOfWork.SaveAndCommitAsync(db, _transaction!, ct);

    /// <summary>By leaving the transaction, because a COMMIT that failed has ended it, and what has ended refuses to be rolled back.</summary>
    public Task RollbackAsync() => _transaction!.DisposeAsync().AsTask();

    public Task<bool> HasAsync(Guid eventId, string consumer, CancellationToken ct) =>
        db.Set<InboxMessage>().AsNoTracking().AnyAsync(row => row.EventId == eventId && row.Consumer == consumer, ct);

    public bool IsRepeat(Exception failure) =>
        failure is DbUpdateException { InnerException: PostgresException violation } && InboxMessage.IsRepeat(violation);

    public bool IsAway(Exception failure) => Transient.IsDatabaseAway(failure);

    public ValueTask DisposeAsync() => _transaction?.DisposeAsync() ?? default;
}
