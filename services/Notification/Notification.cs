namespace Shop.Notification;

internal enum NotificationStatus
{
    /// <summary>To be delivered, now or at the next attempt.</summary>
    Pending,

    /// <summary>Handed to the mail server.</summary>
    Delivered,

    /// <summary>Given up; it is kept and can be sent again.</summary>
    Failed,
}

/// <summary>
/// What one recipient is told of one event over one channel: there is one row of it, however often the event comes. Rows are
/// written by the consumer and moved by <see cref="Features.Deliver.DeliveryQueue"/>, both in SQL, because several instances
/// work on them.
/// </summary>
internal sealed class Notification
{
    public required Guid Id { get; init; }

    public required Guid EventId { get; init; }

    /// <summary>The order that it is about, if it is about one.</summary>
    public Guid? OrderId { get; init; }

    /// <summary>The customer's id. The address is looked up in the contact book when it is delivered.</summary>
    public required string Recipient { get; init; }

    /// <summary>One of <see cref="Channels"/>.</summary>
    public required string Channel { get; init; }

    public required string Subject { get; init; }

    /// <summary>Plain text without a greeting, which takes the name from the contact book.</summary>
    public required string Text { get; init; }

    public required NotificationStatus Status { get; init; }

    /// <summary>Deliveries begun since it became pending.</summary>
    public int Attempts { get; init; }

    /// <summary>
    /// While pending, when it is due. An instance that delivers it moves this ahead: until then it is that instance's, and the
    /// value, which is never the same twice, tells whether it still is.
    /// </summary>
    public DateTimeOffset? NextAttemptAt { get; init; }

    /// <summary>A code, never the mail server's words: those may repeat the address.</summary>
    public string? LastError { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? DeliveredAt { get; init; }
}

/// <summary>The ways to reach somebody.</summary>
internal static class Channels
{
    public const string Email = "email";
}
