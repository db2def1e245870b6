using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace Shop.ServiceDefaults.Messaging.Inbox;

/// <summary>The consumer's own unit of work.</summary>
internal sealed class InboxUnitOfWork(DbContext db, TimeProvider clock) : IInboxUnitOfWork
{
    private IDbContextTransaction? _transaction;

    public async Task BeginAsync(Guid eventId, string consumer, CancellationToken ct)
    {
        _transaction = await db.Database.BeginTransactionAsync(ct);
        db.Add(new InboxMessage { EventId = eventId, Consumer = consumer, ProcessedAt = clock.GetUtcNow() });
    }

    public async Task CommitAsync(CancellationToken ct)
    {
        await db.SaveChangesAsync(ct);
        await _transaction!.CommitAsync(ct);
    }

    public Task RollbackAsync() => _transaction!.RollbackAsync(CancellationToken.None);

    public Task<bool> HasAsync(Guid eventId, string consumer, CancellationToken ct) =>
        db.Set<InboxMessage>().AsNoTracking().AnyAsync(row => row.EventId == eventId && row.Consumer == consumer, ct);

    public bool IsRepeat(Exception failure) =>
        failure is DbUpdateException { InnerException: PostgresException violation } && InboxMessage.IsRepeat(violation);

    public bool IsAway(Exception failure) => Transient.IsDatabaseAway(failure);

    public ValueTask DisposeAsync() => _transaction?.DisposeAsync() ?? default;
}
