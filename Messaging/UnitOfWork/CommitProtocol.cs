using System.Data.Common;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;
using Shop.Messaging.DomainEvents;

namespace Shop.Messaging.UnitOfWork;

/// <summary>
/// What a unit of work does, from SaveChanges to after the commit. One per scope, and the only place that knows how far it has come.
/// <list type="number">
/// <item><see cref="SavingAsync"/>: the recorded domain events are handled, and the participants add their rows to the save.</item>
/// <item>The save. Where it is the transaction's last and only inserts, its round trip ends with COMMIT: <see cref="EndsWithCommit"/>.</item>
/// <item><see cref="SavedAsync"/>: without a transaction around it, the save was the commit.</item>
/// <item><see cref="SendCommitAsync"/>: commits, unless the save has; a last statement goes in the same round trip.</item>
/// <item><see cref="CommittedAsync"/>: participants first, then the handlers of committed events.</item>
/// </list>
/// What fails or is rolled back on the way never happened: <see cref="RolledBack"/>.
/// </summary>
internal sealed class CommitProtocol(DomainEventDispatcher dispatcher, IEnumerable<ICommitParticipant> participants)
{
    /// <summary>Contexts are pooled, and go from one scope to the next.</summary>
    private static readonly ConditionalWeakTable<DbContext, StrongBox<CommitProtocol>> s_protocols = [];

    private readonly ICommitParticipant[] _participants = [.. participants];
    private readonly List<DomainEvent> _uncommitted = [];
    private DateTimeOffset? _savedFrom;
    private NpgsqlBatchCommand? _lastStatement;
    private Stage _stage;

    /// <summary>How far a save is that ends its transaction.</summary>
    [Flags]
    private enum Stage
    {
        None = 0,

        /// <summary>A save is under way.</summary>
        Saving = 1,

        /// <summary>The save that is under way, or comes next, is the transaction's last.</summary>
        LastSave = 2,

        /// <summary>The save has sent COMMIT, and the server has done it.</summary>
        Committed = 4,
    }

    /// <summary>Whose the context is; null for one that no scope gave out.</summary>
    public static CommitProtocol? Of(DbContext db) => s_protocols.TryGetValue(db, out var found) ? found.Value : null;

    /// <summary>From now on the context is this unit of work's.</summary>
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

    /// <summary>Commits, with a last statement in the same round trip: it is done with the transaction, or not done.</summary>
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
    /// Does now what else a save would do first: handles the domain events that aggregates have recorded so far, and has the participants
    /// add their rows. So a save of many causes can keep them apart.
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

    /// <summary>Whether the batch that is about to be sent is its transaction's last, and so may end with COMMIT.</summary>
    public bool EndsWithCommit => _stage.HasFlag(Stage.Saving | Stage.LastSave);

    /// <summary>A batch that ended with COMMIT has its result: the transaction is committed.</summary>
    public void CommitSent() => _stage |= Stage.Committed;

    /// <summary>After a save that succeeded.</summary>
    public Task SavedAsync(DbContext db)
    {
        _stage &= ~Stage.Saving;
        return db.Database.CurrentTransaction is null ? AfterCommitAsync() : Task.CompletedTask;
    }

    /// <summary>After a save that failed. Whoever tries again clears the context and starts over from fresh data.</summary>
    public void SaveFailed()
    {
        _stage &= ~Stage.Saving;
        RolledBack();
    }

    /// <summary>When somebody commits a transaction: whether COMMIT is sent here, or was sent already, and nobody else should.</summary>
    public async Task<bool> SendCommitAsync(DbTransaction transaction, CancellationToken ct)
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

        // An error in the first leaves out the second, and the transaction is rolled back as after any other error.
        await using var batch = new NpgsqlBatch((NpgsqlConnection)transaction.Connection!, (NpgsqlTransaction)transaction)
        {
            BatchCommands = { last, new NpgsqlBatchCommand("COMMIT") },
        };
        await batch.ExecuteNonQueryAsync(ct);
        return true;
    }

    /// <summary>After a commit. A transaction of the save's own is committed before the save ends: what follows comes then.</summary>
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

        // A handler that saves again would come back here: it must not find the same events.
        DomainEvent[] committed = [.. _uncommitted];
        _uncommitted.Clear();
        foreach (var domainEvent in committed)
        {
            await dispatcher.AfterCommitAsync(domainEvent);
        }
    }
}
