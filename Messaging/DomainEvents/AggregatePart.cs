namespace Shop.Messaging.DomainEvents;

/// <summary>An entity inside an aggregate. What happens to it is recorded by its root: the root's version counts it, and its order holds.</summary>
public abstract class AggregatePart
{
    /// <summary>The root, as a navigation that is loaded with the part.</summary>
    protected abstract AggregateRoot Root { get; }

    /// <summary>Records a fact.</summary>
    protected void Raise(DomainEvent domainEvent) => Root.Record(domainEvent);
}
