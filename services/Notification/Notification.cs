namespace Shop.Notification;

internal enum NotificationStatus
{
    /// <summary>To be delivered, now or at the next attempt.</summary>
    Pending,

    /// <summary>Accepted by the mail server or the customer's system.</summary>
    Delivered,

    /// <summary>Failed permanently; it can be resent.</summary>
    Failed,
}

/// <summary>
/// A notification of one event to one recipient over one channel: one row, however often the event is redelivered. Rows are
/// added by the consumer and updated by <see cref="Features.Deliver.DeliveryQueue"/>, in SQL, because several instances
/// share them.
/// </summary>
internal sealed class Notification
{
    /// <summary>The error of one whose recipient has no contact.</summary>
    public const string NoContact = "no-contact";

    public required Guid Id { get; init; }

    public required Guid EventId { get; init; }

    /// <summary>The order, if any.</summary>
    public Guid? OrderId { get; init; }

    /// <summary>One of <see cref="Audiences"/>.</summary>
    public required string Audience { get; init; }

    /// <summary>
    /// A customer's id, whose contact is looked up on delivery; or a staff address.
    /// </summary>
    public required string Recipient { get; init; }

    /// <summary>One of <see cref="Channels"/>.</summary>
    public required string Channel { get; init; }

    public required string Subject { get; init; }

    /// <summary>Plain text, without the greeting, which is added on delivery.</summary>
    public required string Text { get; init; }

    /// <summary>The same as HTML, for mail. Null for webhooks, and for mails of a version without HTML.</summary>
    public string? Html { get; init; }

    /// <summary>The webhook's payload, byte for byte the same at every attempt. Null for mail.</summary>
    public string? Payload { get; init; }

    /// <summary>The W3C traceparent of its event: its deliveries belong to that trace. Null for rows of a version without it.</summary>
    public string? TraceParent { get; init; }

    public required NotificationStatus Status { get; init; }

    /// <summary>Delivery attempts since it became pending.</summary>
    public int Attempts { get; init; }

    /// <summary>
    /// While pending, when it is due. A claim moves it ahead: it is the end of the lease, and the
    /// unique value shows whether the lease is still held.
    /// </summary>
    public DateTimeOffset? NextAttemptAt { get; init; }

    /// <summary>A code, never the recipient's error text, which may contain the address.</summary>
    public string? LastError { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it was last delivered. Kept when it is resent.</summary>
    public DateTimeOffset? DeliveredAt { get; init; }

    /// <summary>Deliveries before it was last resent.</summary>
    public int EarlierDeliveries { get; init; }

    public int Deliveries => EarlierDeliveries + (Status == NotificationStatus.Delivered ? 1 : 0);
}

/// <summary>The channels.</summary>
internal static class Channels
{
    public const string Email = "email";

    /// <summary>A call of the customer's URL.</summary>
    public const string Webhook = "webhook";
}

/// <summary>The audience of a notification, which defines the meaning of its recipient.</summary>
internal static class Audiences
{
    public const string Customer = "customer";
    public const string Staff = "staff";
}
