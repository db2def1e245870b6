using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Shop.ServiceDefaults.Domain;
using Shop.ServiceDefaults.Messaging.Outbox;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>
/// Makes SaveChanges the unit of work: handles the recorded domain events before the commit, appends what they publish to
/// the outbox, and after the commit, whoever does it, runs the committed-event handlers and wakes the relay. One per scope.
/// </summary>
internal sealed class UnitOfWorkInterceptor(
    DomainEventDispatcher dispatcher, OutboxAppender outbox, PublishedEventsMap publishedEvents, OutboxDoorbell doorbell)
    : SaveChangesInterceptor, IDbTransactionInterceptor
{
    /// <summary>Handlers that keep raising events for each other are a mistake; a legitimate chain is a few rounds long.</summary>
    public const int MaxRounds = 32;

    private readonly List<DomainEvent> _uncommitted = [];
    private readonly List<AggregateRoot> _drained = [];
    private int _appended;
    private bool _saving;

    public override async ValueTask<InterceptionResult<int>> SavingChangesAsync(
        DbContextEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
    {
        var db = eventData.Context!;
        if (_drained.Exists(aggregate => db.Entry(aggregate).State != EntityState.Detached))
        {
            throw new InvalidOperationException("An earlier save failed while its domain events were handled, so saving now would "
                + "store changes without their events. Clear the context and start again from fresh data.");
        }

        _drained.Clear();
        var events = await DrainAsync(db, cancellationToken);
        if (events.Count > 0)
        {
            foreach (var integrationEvent in publishedEvents(events))
            {
                outbox.Append(db, integrationEvent);
            }

            _uncommitted.AddRange(events);
        }

        _drained.Clear();
        _saving = true;
        _appended += outbox.TakeUnsaved();
        return result;
    }

    public override InterceptionResult<int> SavingChanges(DbContextEventData eventData, InterceptionResult<int> result) =>
        throw new NotSupportedException("Use SaveChangesAsync: domain event handlers are asynchronous.");

    public override async ValueTask<int> SavedChangesAsync(
        SaveChangesCompletedEventData eventData, int result, CancellationToken cancellationToken = default)
    {
        _saving = false;
        if (eventData.Context!.Database.CurrentTransaction is null)
        {
            await CommittedAsync();
        }

        return result;
    }

    /// <summary>An event that went into the log left no row: that is no conflict.</summary>
    public override ValueTask<InterceptionResult> ThrowingConcurrencyExceptionAsync(
        ConcurrencyExceptionEventData eventData, InterceptionResult result, CancellationToken cancellationToken = default) =>
        ValueTask.FromResult(eventData.Entries.All(entry => entry.Entity is OutboxMessage) ? InterceptionResult.Suppress() : result);

    public override Task SaveChangesFailedAsync(DbContextErrorEventData eventData, CancellationToken cancellationToken = default)
    {
        _saving = false;

        // Whoever tries again clears the context and starts over from fresh data, so these events never happened.
        return RolledBackAsync();
    }

    Task IDbTransactionInterceptor.TransactionCommittedAsync(
        DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken) =>
        _saving ? Task.CompletedTask : CommittedAsync(); // a transaction of SaveChanges' own: SavedChangesAsync comes next

    Task IDbTransactionInterceptor.TransactionRolledBackAsync(
        DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken) => RolledBackAsync();

    Task IDbTransactionInterceptor.RolledBackToSavepointAsync(
        DbTransaction transaction, TransactionEventData eventData, CancellationToken cancellationToken) => RolledBackAsync();

    private Task RolledBackAsync()
    {
        _uncommitted.Clear();
        _appended = 0;
        return Task.CompletedTask;
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
            foreach (var domainEvent in raised)
            {
                await dispatcher.BeforeCommitAsync(domainEvent, ct);
            }
        }
    }

    private async Task CommittedAsync()
    {
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
