namespace Shop.Messaging.Wire;

/// <summary>
/// Why this unit of work runs, for the events that it causes: one per scope. Empty in an HTTP request, whose first event
/// starts a conversation of its own.
/// </summary>
internal sealed class MessageOrigin
{
    /// <summary>The id that all events of one story share: the id of the event that began it.</summary>
    public Guid? CorrelationId { get; set; }

    /// <summary>The event that this unit of work consumes.</summary>
    public Guid? CausationId { get; set; }
}
