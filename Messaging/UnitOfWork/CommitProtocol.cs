using System.Diagnostics;
using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;
using Shop.Messaging.DomainEvents;
using Shop.Messaging.Outbox;
using Shop.Messaging.Telemetry;

namespace Shop.Messaging.UnitOfWork;

/// <summary>
/// Makes SaveChanges the unit of work: handles the recorded domain events before the commit, appends what they publish to
/// the outbox, and after the commit, whoever does it, runs the committed-event handlers and wakes the relay. One per scope.
/// </summary>
internal sealed class CommitProtocol(
    DomainEventDispatcher dispatcher, OutboxAppender outbox, PublishedEventsMap publishedEvents, OutboxDoorbell doorbell)
{
    /// <summary>Handlers that keep raising events for each other are a mistake; a legitimate chain is a few rounds long.</summary>
    public const int MaxRounds = 32;

    /// <summary>Contexts are pooled, and go from one scope to the next.</summary>
    private static readonly ConditionalWeakTable<DbContext, StrongBox<CommitProtocol>> s_unitsOfWork = [];

    private readonly List<DomainEvent> _uncommitted = [];
    private readonly List<AggregateRoot> _drained = [];
    private int _appended;
    private DateTimeOffset? _savedFrom;
    private bool _saving;
    private bool _committing;

    /// <summary>What the transaction does last: it goes in one round trip with the commit, and is done or not done with it.</summary>
    public NpgsqlBatchCommand? LastStatement { get; set; }

    /// <summary>Whether the save that is under way is the transaction's last, so that it may end with COMMIT.</summary>
    public bool MayCommit => _committing && _saving;

    /// <summary>Whether the save has ended with COMMIT, so that nothing is left to commit.</summary>
    public bool HasCommitted { get; set; }

    /// <summary>Whose the context is; null for one that no scope gave out.</summary>
    public static CommitProtocol? Of(DbContext db) => s_unitsOfWork.TryGetValue(db, out var found) ? found.Value : null;

    /// <summary>From now on the context is this unit of work's.</summary>
    public void Begin(DbContext db) => s_unitsOfWork.GetOrCreateValue(db).Value = this;

    /// <summary>Saves and commits: in one round trip if the save only inserts. See docs/adr/0039.</summary>
    public async Task CommitAsync(DbContext db, IDbContextTransaction transaction, CancellationToken ct)
    {
        _committing = true;
        try
        {
            await db.SaveChangesAsync(ct);
        }
        finally
        {
            _committing = false;
        }

        await transaction.CommitAsync(ct);
    }

    public async Task SavingAsync(DbContext db, CancellationToken ct)
    {
        await CollectAsync(db, ct);
        _saving = true;
        _savedFrom = Activity.Current is { Recorded: true } ? TimeProvider.System.GetUtcNow() : null;
        _appended += outbox.TakeUnsaved();
    }

    /// <summary>
    /// Does now what else a save would do first: handles the events that aggregates have recorded so far, and appends what they
    /// publish. So a save of many causes can tell whose is what.
    /// </summary>
    public async Task CollectAsync(DbContext db, CancellationToken ct)
    {
        if (_drained.Exists(aggregate => db.Entry(aggregate).State != EntityState.Detached))
        {
            throw new InvalidOperationException("An earlier save failed while its domain events were handled, so saving now would "
                + "store changes without their events. Clear the context and start again from fresh data.");
        }

        _drained.Clear();
        var events = await DrainAsync(db, ct);
        if (events.Count > 0)
        {
            foreach (var integrationEvent in publishedEvents(events))
            {
                outbox.Append(db, integrationEvent);
            }

            _uncommitted.AddRange(events);
        }

        _drained.Clear();
    }

    public Task SavedAsync(DbContext db)
    {
        _saving = false;
        return db.Database.CurrentTransaction is null ? AfterCommitAsync() : Task.CompletedTask;
    }

    /// <summary>Whoever tries again clears the context and starts over from fresh data, so the events of a failed save never happened.</summary>
    public void SaveFailed()
    {
        _saving = false;
        RolledBack();
    }

    /// <summary>A transaction of the save's own is told of before the save ends: what follows comes then.</summary>
    public Task CommittedAsync() => _saving ? Task.CompletedTask : AfterCommitAsync();

    public void RolledBack()
    {
        _uncommitted.Clear();
        _appended = 0;
        _savedFrom = null;
    }

    private async Task<List<DomainEvent>> DrainAsync(DbContext db, CancellationToken ct)
    {
        List<DomainEvent> all = [];
        for (var round = 0; ; round++)
        {
            var raising = db.ChangeTracker.Entries<AggregateRoot>().Select(entry => entry.Entity).Where(a => a.HasEvents).ToList();
            _drained.AddRange(raising);
            var raised = raising.SelectMany(aggregate => aggregate.TakeEvents()).ToList();
            if (raised.Count == 0)
            {
                return all;
            }

            if (round == MaxRounds)
            {
                throw new InvalidOperationException(
                    $"Domain events were still being raised after {MaxRounds} rounds, last {raised[0].GetType().Name}: "
                    + "some handlers keep raising events for each other.");
            }

            all.AddRange(raised);
            var handled = false;
            foreach (var domainEvent in raised)
            {
                handled |= await dispatcher.BeforeCommitAsync(domainEvent, ct);
            }

            if (!handled)
            {
                return all; // nobody did anything that could raise another, so nothing has to be looked through again
            }
        }
    }

    private async Task AfterCommitAsync()
    {
        if (_savedFrom is { } since)
        {
            _savedFrom = null;
            MessagingSpans.Committed(since, _uncommitted.Count, _appended);
        }

        if (_appended > 0)
        {
            MessagingTelemetry.Appended.Add(_appended);
            _appended = 0;
            doorbell.Ring();
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
