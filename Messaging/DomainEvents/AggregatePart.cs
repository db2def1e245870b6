namespace Shop.Messaging.DomainEvents;

/// <summary>An entity inside an aggregate. Its domain events are recorded by the root, in order.</summary>
public abstract class AggregatePart
{
    /// <summary>The root, as a navigation that is loaded with the entity.</summary>
    protected abstract AggregateRoot Root { get; }

    /// <summary>Records a domain event.</summary>
    protected void Raise(DomainEvent domainEvent) => Root.Record(domainEvent);
}
