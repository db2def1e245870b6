using Shop.Messaging.DomainEvents;


namespace Shop.Messaging.Outbox;

/// <summary>
/// Translates the domain events of one unit of work, in order, to the integration events that the service publishes: a pure
/// function, in which several domain events may become one integration event and some stay private.
/// </summary>
/// <param name="events">All domain events of the unit of work.</param>
/// <returns>The integration events, in publishing order.</returns>
public delegate IEnumerable<IIntegrationEvent> PublishedEventsMap(IReadOnlyList<DomainEvent> events);
