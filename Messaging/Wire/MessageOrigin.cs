namespace Shop.Messaging.Wire;

/// <summary>
/// The origin of this unit of work, for the events that it causes: one per scope. Empty in an HTTP request, whose first event
/// starts a new conversation.
/// </summary>
internal sealed class MessageOrigin
{
    /// <summary>Shared by all events of one conversation: the id of its first event.</summary>
    public Guid? CorrelationId { get; set; }

    /// <summary>The event that this unit of work consumes.</summary>
    public Guid? CausationId { get; set; }
}
