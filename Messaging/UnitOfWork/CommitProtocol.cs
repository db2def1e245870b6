using System.Data.Common;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;
using Shop.Messaging.DomainEvents;

namespace Shop.Messaging.UnitOfWork;

/// <summary>
/// The steps of a unit of work, from SaveChanges to after the commit, and the only place that tracks its progress. One per scope.
/// <list type="number">
/// <item><see cref="SavingAsync"/>: the recorded domain events are handled, and the participants add their rows to the save.</item>
/// <item>The save. Where it is the transaction's last and only inserts, its round trip ends with COMMIT: <see cref="EndsWithCommit"/>.</item>
/// <item><see cref="SavedAsync"/>: without a transaction around it, the save was the commit.</item>
/// <item><see cref="TrySendCommitAsync"/>: commits, unless the save has; a last statement goes in the same round trip.</item>
/// <item><see cref="CommittedAsync"/>: participants first, then the handlers of committed events.</item>
/// </list>
/// After a failure or a rollback nothing is stored or published: <see cref="RolledBack"/>.
/// </summary>
internal sealed class CommitProtocol(DomainEventDispatcher dispatcher, IEnumerable<ICommitParticipant> participants)
{
    /// <summary>Contexts are pooled, and move from one scope to the next.</summary>
    private static readonly ConditionalWeakTable<DbContext, StrongBox<CommitProtocol>> s_protocols = [];

    private readonly ICommitParticipant[] _participants = [.. participants];
    private readonly List<DomainEvent> _uncommitted = [];
    private DateTimeOffset? _savedFrom;
    private NpgsqlBatchCommand? _lastStatement;
    private Stage _stage;

    /// <summary>The progress of a save that ends its transaction.</summary>
    [Flags]
    private enum Stage
    {
        None = 0,

        /// <summary>A save is in progress.</summary>
        Saving = 1,

        /// <summary>The current or next save is the transaction's last.</summary>
        LastSave = 2,

        /// <summary>The save sent COMMIT, and the server has committed.</summary>
        Committed = 4,
    }

    /// <summary>The unit of work of a context; null for a context that was not injected.</summary>
    public static CommitProtocol? Of(DbContext db) => s_protocols.TryGetValue(db, out var found) ? found.Value : null;

    /// <summary>Assigns the context to this unit of work.</summary>
    public void Begin(DbContext db) => s_protocols.GetOrCreateValue(db).Value = this;

    /// <summary>Saves and commits: in one round trip if the save only inserts. See docs/adr/0005.</summary>
    public async Task SaveAndCommitAsync(DbContext db, IDbContextTransaction transaction, CancellationToken ct)
    {
        _stage |= Stage.LastSave;
        try
        {
            await db.SaveChangesAsync(ct);
        }
        finally
        {
            _stage &= ~Stage.LastSave;
        }

        await transaction.CommitAsync(ct);
    }

    /// <summary>Commits, with a last statement in the same round trip and transaction.</summary>
    public Task CommitWithAsync(IDbContextTransaction transaction, NpgsqlBatchCommand lastStatement, CancellationToken ct)
    {
        _lastStatement = lastStatement;
        return transaction.CommitAsync(ct);
    }

    /// <summary>Before a save writes anything.</summary>
    public async Task SavingAsync(DbContext db, CancellationToken ct)
    {
        await CollectAsync(db, ct);
        _stage |= Stage.Saving;
        _savedFrom = Activity.Current is { Recorded: true } ? TimeProvider.System.GetUtcNow() : null;
        foreach (var participant in _participants)
        {
            participant.Saving();
        }
    }

    /// <summary>
    /// Does early what a save would do first: handles the domain events that aggregates have recorded so far, and has the participants
    /// add their rows. A batch calls it per event, so that each event's effects keep their causation id.
    /// </summary>
    public async Task CollectAsync(DbContext db, CancellationToken ct)
    {
        var events = await dispatcher.HandleRecordedAsync(db, ct);
        if (events.Count == 0)
        {
            return;
        }

        foreach (var participant in _participants)
        {
            participant.Add(db, events);
        }

        _uncommitted.AddRange(events);
    }

    /// <summary>Whether the next batch is its transaction's last, and so may end with COMMIT.</summary>
    public bool EndsWithCommit => _stage.HasFlag(Stage.Saving | Stage.LastSave);

    /// <summary>Records that a batch that ended with COMMIT succeeded.</summary>
    public void MarkCommitted() => _stage |= Stage.Committed;

    /// <summary>After a save that succeeded.</summary>
    public Task SavedAsync(DbContext db)
    {
        _stage &= ~Stage.Saving;
        return db.Database.CurrentTransaction is null ? AfterCommitAsync() : Task.CompletedTask;
    }

    /// <summary>After a save that failed. A retry must clear the context and start over from fresh data.</summary>
    public void SaveFailed()
    {
        _stage &= ~Stage.Saving;
        RolledBack();
    }

    /// <summary>When a transaction is committed: true if COMMIT was sent here or before, and must not be sent again.</summary>
    public async Task<bool> TrySendCommitAsync(DbTransaction transaction, CancellationToken ct)
    {
        if (_stage.HasFlag(Stage.Committed))
        {
            _stage &= ~Stage.Committed;
            return true;
        }

        if (_lastStatement is not { } last)
        {
            return false;
        }

        _lastStatement = null;

        // An error in the first statement skips the second, and the transaction is rolled back as usual.
        await using var batch = new NpgsqlBatch((NpgsqlConnection)transaction.Connection!, (NpgsqlTransaction)transaction)
        {
            BatchCommands = { last, new NpgsqlBatchCommand("COMMIT") },
        };
        await batch.ExecuteNonQueryAsync(ct);
        return true;
    }

    /// <summary>After a commit. A save's own transaction commits before the save ends: then <see cref="SavedAsync"/> continues.</summary>
    public Task CommittedAsync() => _stage.HasFlag(Stage.Saving) ? Task.CompletedTask : AfterCommitAsync();

    /// <summary>After a rollback, to a savepoint too.</summary>
    public void RolledBack()
    {
        _uncommitted.Clear();
        _savedFrom = null;
        foreach (var participant in _participants)
        {
            participant.RolledBack();
        }
    }

    private async Task AfterCommitAsync()
    {
        using (var span = _savedFrom is { } since ? DomainEventSpans.Committed(since, _uncommitted.Count) : null)
        {
            _savedFrom = null;
            foreach (var participant in _participants)
            {
                participant.Committed(span);
            }
        }

        // A handler that saves again re-enters this method, and must not see the same events.
        DomainEvent[] committed = [.. _uncommitted];
        _uncommitted.Clear();
        foreach (var domainEvent in committed)
        {
            await dispatcher.AfterCommitAsync(domainEvent);
        }
    }
}
