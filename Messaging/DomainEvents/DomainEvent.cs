namespace Shop.Messaging.DomainEvents;

/// <summary>
/// A fact inside one service's model. It never leaves the service: what others may know is translated into an integration
/// event by the service's PublishedEvents.
/// </summary>
/// <param name="At">When it happened, UTC.</param>
public abstract record DomainEvent(DateTimeOffset At)
{
    /// <summary>UUID version 7, created when the fact is recorded; an integration event that publishes this fact has the same id.</summary>
    public Guid EventId { get; } = Guid.CreateVersion7(At);
}
