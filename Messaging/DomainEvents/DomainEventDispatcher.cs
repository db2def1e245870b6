using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Shop.Messaging.DomainEvents;

/// <summary>
/// Dispatches recorded domain events to the handlers of their type, in the order of registration. One per
/// scope.
/// </summary>
internal sealed partial class DomainEventDispatcher(IServiceProvider services, ILogger<DomainEventDispatcher> logger)
{
    /// <summary>Handlers that keep raising events for each other are a mistake; a legitimate chain is a few rounds long.</summary>
    public const int MaxRounds = 32;

    private static readonly ConcurrentDictionary<Type, Route> s_routes = new();
    private readonly List<AggregateRoot> _drained = [];

    /// <summary>Handles, before the commit, the events that the context's aggregates recorded, and those that the handlers raise in turn.</summary>
    /// <returns>All handled events, in order.</returns>
    /// <exception cref="InvalidOperationException">Handlers raise events endlessly, or an earlier call failed and its changes are still tracked.</exception>
    public async Task<IReadOnlyList<DomainEvent>> HandleRecordedAsync(DbContext db, CancellationToken ct)
    {
        if (_drained.Exists(aggregate => db.Entry(aggregate).State != EntityState.Detached))
        {
            throw new InvalidOperationException("An earlier save failed while its domain events were handled, so saving now would "
                + "store changes without their events. Clear the context and start again from fresh data.");
        }

        _drained.Clear();
        List<DomainEvent> all = [];
        for (var round = 0; TakeRecorded(db) is { Count: > 0 } raised; round++)
        {
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
                handled |= await RouteOf(domainEvent).BeforeCommitAsync(services, domainEvent, ct);
            }

            if (!handled)
            {
                break; // no handler ran that could have raised another
            }
        }

        _drained.Clear();
        return all;
    }

    public async Task AfterCommitAsync(DomainEvent domainEvent)
    {
        try
        {
            // The change is committed: a cancelled request must not skip the handlers.
            await RouteOf(domainEvent).AfterCommitAsync(services, domainEvent, CancellationToken.None);
        }
        catch (Exception e)
        {
            LogAfterCommitFailed(domainEvent.GetType().Name, e);
        }
    }

    private List<DomainEvent> TakeRecorded(DbContext db)
    {
        var raising = db.ChangeTracker.Entries<AggregateRoot>().Select(entry => entry.Entity).Where(aggregate => aggregate.HasEvents).ToList();
        _drained.AddRange(raising);
        return [.. raising.SelectMany(aggregate => aggregate.TakeEvents())];
    }

    private static Route RouteOf(DomainEvent domainEvent) => s_routes.GetOrAdd(domainEvent.GetType(),
        static type => (Route)Activator.CreateInstance(typeof(Route<>).MakeGenericType(type))!);

    [LoggerMessage(LogLevel.Error, "A handler of committed event {Event} failed; the change stays committed.")]
    private partial void LogAfterCommitFailed(string @event, Exception exception);

    private abstract class Route
    {
        public abstract Task<bool> BeforeCommitAsync(IServiceProvider services, DomainEvent domainEvent, CancellationToken ct);

        public abstract Task AfterCommitAsync(IServiceProvider services, DomainEvent domainEvent, CancellationToken ct);
    }

    private sealed class Route<TEvent> : Route
        where TEvent : DomainEvent
    {
        public override async Task<bool> BeforeCommitAsync(IServiceProvider services, DomainEvent domainEvent, CancellationToken ct)
        {
            var handled = false;
            foreach (var handler in services.GetServices<IDomainEventHandler<TEvent>>())
            {
                await DomainEventSpans.HandleAsync(domainEvent, handler, DomainEventSpans.BeforeCommit, () => handler.HandleAsync((TEvent)domainEvent, ct));
                handled = true;
            }

            if (!handled)
            {
                DomainEventSpans.Raised(domainEvent);
            }

            return handled;
        }

        public override async Task AfterCommitAsync(IServiceProvider services, DomainEvent domainEvent, CancellationToken ct)
        {
            foreach (var handler in services.GetServices<ICommittedEventHandler<TEvent>>())
            {
                await DomainEventSpans.HandleAsync(domainEvent, handler, DomainEventSpans.AfterCommit, () => handler.HandleAsync((TEvent)domainEvent, ct));
            }
        }
    }
}
