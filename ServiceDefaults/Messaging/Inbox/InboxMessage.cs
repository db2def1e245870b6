namespace Shop.ServiceDefaults.Messaging.Inbox;

/// <summary>Says that a consumer has taken an event: written in the transaction of the consumer's effects.</summary>
internal sealed class InboxMessage
{
    public const string KeyConstraint = "inbox_pkey";

    public required Guid EventId { get; init; }

    /// <summary>The consumer's queue.</summary>
    public required string Consumer { get; init; }

    public required DateTimeOffset ProcessedAt { get; init; }
}
