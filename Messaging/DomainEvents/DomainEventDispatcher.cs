using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Shop.Messaging.DomainEvents;

/// <summary>Finds the handlers of a domain event by its type and calls them in the order of their registration.</summary>
internal sealed partial class DomainEventDispatcher(IServiceProvider services, ILogger<DomainEventDispatcher> logger)
{
    private static readonly ConcurrentDictionary<Type, Route> s_routes = new();

    /// <summary>Returns whether anybody handled it, and may so have changed something.</summary>
    public Task<bool> BeforeCommitAsync(DomainEvent domainEvent, CancellationToken ct) =>
        RouteOf(domainEvent).BeforeCommitAsync(services, domainEvent, ct);

    public async Task AfterCommitAsync(DomainEvent domainEvent)
    {
        try
        {
            // The change is committed: a caller who hangs up must not stop what follows from it.
            await RouteOf(domainEvent).AfterCommitAsync(services, domainEvent, CancellationToken.None);
        }
        catch (Exception e)
        {
            LogAfterCommitFailed(domainEvent.GetType().Name, e);
        }
    }

    private static Route RouteOf(DomainEvent domainEvent) => s_routes.GetOrAdd(domainEvent.GetType(),
        static type => (Route)Activator.CreateInstance(typeof(Route<>).MakeGenericType(type))!);

    [LoggerMessage(LogLevel.Error, "A handler of the committed {Event} failed; the change itself stands.")]
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
