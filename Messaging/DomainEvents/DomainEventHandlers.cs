namespace Shop.Messaging.DomainEvents;

/// <summary>
/// Acts on a domain event <b>before</b> the commit, in the same transaction: it may change other aggregates of the service,
/// which may raise further events. If it throws, nothing happened. It must not call SaveChanges.
/// </summary>
/// <typeparam name="TEvent">The event.</typeparam>
public interface IDomainEventHandler<in TEvent>
    where TEvent : DomainEvent
{
    /// <summary>Handles one event.</summary>
    Task HandleAsync(TEvent domainEvent, CancellationToken ct);
}

/// <summary>
/// Acts on a domain event <b>after</b> the commit. It may be lost in a crash, so it is for what can be done without: waking
/// somebody, dropping a cache entry, pushing to an open stream. What it throws is logged and goes no further.
/// </summary>
/// <typeparam name="TEvent">The event.</typeparam>
public interface ICommittedEventHandler<in TEvent>
    where TEvent : DomainEvent
{
    /// <summary>Handles one event.</summary>
    Task HandleAsync(TEvent domainEvent, CancellationToken ct);
}
