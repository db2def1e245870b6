using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;
using Shop.Messaging.UnitOfWork;

namespace Shop.Messaging.Inbox;

/// <summary>The inbox in the service's database, in the consumer's unit of work.</summary>
/// <param name="db">The consumer's context.</param>
/// <param name="unitOfWork">The context's unit of work.</param>
/// <param name="clock">For the rows' processed_at.</param>
/// <param name="facts">What the rows record of the deliveries, in the order of the event ids.</param>
/// <param name="rowsFirst">
/// Whether the inbox rows are inserted before the consumer runs, instead of with its changes: one more round trip, and a duplicate costs
/// neither its work nor an exception. A concurrent duplicate waits for the row's transaction. Always so for batches.
/// </param>
internal sealed class InboxUnitOfWork(DbContext db, CommitProtocol unitOfWork, TimeProvider clock, IReadOnlyList<DeliveryFacts> facts, bool rowsFirst) : IInboxUnitOfWork
{
    // Ordered by id, so that two transactions that insert the same events cannot deadlock.
    private const string Insert = """
        INSERT INTO inbox (event_id, consumer, processed_at, published_at, received_at, attempts, retries)
        SELECT id, $2, $3, published, received, attempts, retries FROM unnest($1, $4, $5, $6, $7) AS e (id, published, received, attempts, retries)
        ORDER BY id ON CONFLICT DO NOTHING RETURNING event_id
        """;

    private IDbContextTransaction? _transaction;

    public async Task<HashSet<Guid>> BeginAsync(IReadOnlyList<Guid> eventIds, string consumer, CancellationToken ct)
    {
        // A savepoint per SaveChanges would be two more round trips, and nothing rolls back to one: a failed attempt starts over.
        db.Database.AutoSavepointsEnabled = false;
        _transaction = await db.Database.BeginTransactionAsync(ct);
        if (rowsFirst || eventIds.Count > 1)
        {
            return await InsertAsync(eventIds, consumer, ct);
        }

        db.Add(RowOf(eventIds[0], consumer, facts[0]));
        return [eventIds[0]];
    }

    public Task CommitAsync(CancellationToken ct) => unitOfWork.SaveAndCommitAsync(db, _transaction!, ct);

    /// <summary>Disposes the transaction: after a failed COMMIT it has ended, and an explicit rollback would throw.</summary>
    public Task RollbackAsync() => _transaction!.DisposeAsync().AsTask();

    public async Task<bool> IsProcessedAsync(Guid eventId, string consumer, CancellationToken ct) => !rowsFirst
        && await db.Set<InboxMessage>().AsNoTracking().AnyAsync(row => row.EventId == eventId && row.Consumer == consumer, ct);

    public bool IsDuplicate(Exception failure) =>
        failure is DbUpdateException { InnerException: PostgresException violation } && InboxMessage.IsDuplicate(violation);

    public bool IsUnavailable(Exception failure) => Transient.IsDatabaseUnavailable(failure);

    public ValueTask DisposeAsync() => _transaction?.DisposeAsync() ?? default;

    private InboxMessage RowOf(Guid eventId, string consumer, in DeliveryFacts delivery) => new()
    {
        EventId = eventId,
        Consumer = consumer,
        ProcessedAt = clock.GetUtcNow(),
        PublishedAt = delivery.PublishedAt,
        ReceivedAt = delivery.ReceivedAt,
        Attempts = delivery.Attempts,
        Retries = delivery.Retries,
    };

    private async Task<HashSet<Guid>> InsertAsync(IReadOnlyList<Guid> eventIds, string consumer, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(Insert, (NpgsqlConnection)db.Database.GetDbConnection())
        {
            Parameters =
            {
                new NpgsqlParameter<Guid[]> { TypedValue = [.. eventIds] },
                new NpgsqlParameter<string> { TypedValue = consumer },
                new NpgsqlParameter<DateTimeOffset> { TypedValue = clock.GetUtcNow() },
                new NpgsqlParameter<DateTimeOffset?[]> { TypedValue = [.. facts.Select(one => one.PublishedAt)] },
                new NpgsqlParameter<DateTimeOffset[]> { TypedValue = [.. facts.Select(one => one.ReceivedAt)] },
                new NpgsqlParameter<short[]> { TypedValue = [.. facts.Select(one => one.Attempts)] },
                new NpgsqlParameter<short[]> { TypedValue = [.. facts.Select(one => one.Retries)] },
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
