using Shop.Messaging.DomainEvents;


namespace Shop.Messaging.Outbox;

/// <summary>
/// A service's translation from the domain events of one unit of work, in order, to what other services are told: a pure
/// function, in which several domain events may fold into one integration event and some stay private.
/// </summary>
/// <param name="events">All domain events of the unit of work.</param>
/// <returns>The integration events, in the order in which they shall be sent.</returns>
public delegate IEnumerable<IIntegrationEvent> PublishedEventsMap(IReadOnlyList<DomainEvent> events);
