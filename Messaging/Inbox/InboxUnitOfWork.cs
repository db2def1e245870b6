using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;
using Shop.Messaging.UnitOfWork;

namespace Shop.Messaging.Inbox;

/// <summary>The consumer's own unit of work.</summary>
/// <param name="db">The consumer's context.</param>
/// <param name="unitOfWork">What the context belongs to.</param>
/// <param name="clock">Dates inbox rows.</param>
/// <param name="rowsFirst">
/// The inbox rows are written before the consumer runs, and not together with what it saves: a round trip more, and a duplicate costs
/// neither its work nor an exception. Whoever comes second waits at the row for the first to end. Always so for several events.
/// </param>
internal sealed class InboxUnitOfWork(DbContext db, CommitProtocol unitOfWork, TimeProvider clock, bool rowsFirst) : IInboxUnitOfWork
{
    // In the order of ids: of two transactions that insert the same events, one waits for the other, and never each for the other.
    private const string Insert = """
        INSERT INTO inbox (event_id, consumer, processed_at) SELECT id, $2, $3 FROM unnest($1) AS id ORDER BY id
        ON CONFLICT DO NOTHING RETURNING event_id
        """;

    private IDbContextTransaction? _transaction;

    public async Task<HashSet<Guid>> BeginAsync(IReadOnlyList<Guid> eventIds, string consumer, CancellationToken ct)
    {
        // A savepoint around each SaveChanges would be two more round trips, and nobody goes back to one: what fails starts again.
        db.Database.AutoSavepointsEnabled = false;
        _transaction = await db.Database.BeginTransactionAsync(ct);
        if (rowsFirst || eventIds.Count > 1)
        {
            return await InsertAsync(eventIds, consumer, ct);
        }

        db.Add(new InboxMessage { EventId = eventIds[0], Consumer = consumer, ProcessedAt = clock.GetUtcNow() });
        return [eventIds[0]];
    }

    public Task CommitAsync(CancellationToken ct) => unitOfWork.SaveAndCommitAsync(db, _transaction!, ct);

    /// <summary>By leaving the transaction, because a COMMIT that failed has ended it, and what has ended refuses to be rolled back.</summary>
    public Task RollbackAsync() => _transaction!.DisposeAsync().AsTask();

    public async Task<bool> IsProcessedAsync(Guid eventId, string consumer, CancellationToken ct) => !rowsFirst
        && await db.Set<InboxMessage>().AsNoTracking().AnyAsync(row => row.EventId == eventId && row.Consumer == consumer, ct);

    public bool IsDuplicate(Exception failure) =>
        failure is DbUpdateException { InnerException: PostgresException violation } && InboxMessage.IsRepeat(violation);

    public bool IsUnavailable(Exception failure) => Transient.IsDatabaseAway(failure);

    public ValueTask DisposeAsync() => _transaction?.DisposeAsync() ?? default;

    private async Task<HashSet<Guid>> InsertAsync(IReadOnlyList<Guid> eventIds, string consumer, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(Insert, (NpgsqlConnection)db.Database.GetDbConnection())
        {
            Parameters =
            {
                new NpgsqlParameter<Guid[]> { TypedValue = [.. eventIds.Distinct()] },
                new NpgsqlParameter<string> { TypedValue = consumer },
                new NpgsqlParameter<DateTimeOffset> { TypedValue = clock.GetUtcNow() },
            },
        };
        HashSet<Guid> inserted = new(eventIds.Count);
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            inserted.Add(reader.GetGuid(0));
        }

        return inserted;
    }
}
