namespace Shop.Messaging.DomainEvents;

/// <summary>
/// The root of a consistency boundary. Its methods record what happened; the events are handled when the unit of work is
/// saved, never at the moment of raising.
/// </summary>
public abstract class AggregateRoot
{
    private readonly List<DomainEvent> _events = [];

    /// <summary>Counts the changes, from 1, and is the optimistic concurrency token.</summary>
    public int Version { get; protected set; }

    /// <summary>Whether there are recorded events that <see cref="TakeEvents"/> has not returned yet.</summary>
    public bool HasEvents => _events.Count > 0;

    /// <summary>Returns the events recorded since the last call, in order, and clears them.</summary>
    public IReadOnlyList<DomainEvent> TakeEvents()
    {
        DomainEvent[] events = [.. _events];
        _events.Clear();
        return events;
    }

    /// <summary>Records a domain event.</summary>
    protected void Raise(DomainEvent domainEvent) => Record(domainEvent);

    internal void Record(DomainEvent domainEvent) => _events.Add(domainEvent);
}
