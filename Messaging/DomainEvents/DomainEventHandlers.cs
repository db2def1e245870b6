namespace Shop.Messaging.DomainEvents;

/// <summary>
/// Handles a domain event <b>before</b> the commit, in the same transaction: it may change other aggregates of the service,
/// which may raise further events. If it throws, the save fails and nothing is stored. It must not call SaveChanges.
/// </summary>
/// <typeparam name="TEvent">The event.</typeparam>
public interface IDomainEventHandler<in TEvent>
    where TEvent : DomainEvent
{
    /// <summary>Handles one event.</summary>
    Task HandleAsync(TEvent domainEvent, CancellationToken ct);
}

/// <summary>
/// Handles a domain event <b>after</b> the commit. It may be lost in a crash, so it is for best-effort work: waking
/// a worker, dropping a cache entry, pushing to an open stream. Exceptions are logged and not rethrown.
/// </summary>
/// <typeparam name="TEvent">The event.</typeparam>
public interface ICommittedEventHandler<in TEvent>
    where TEvent : DomainEvent
{
    /// <summary>Handles one event.</summary>
    Task HandleAsync(TEvent domainEvent, CancellationToken ct);
}
