namespace Shop.Notification;

internal enum NotificationStatus
{
    /// <summary>To be delivered, now or at the next attempt.</summary>
    Pending,

    /// <summary>Taken by the mail server or the customer's system.</summary>
    Delivered,

    /// <summary>Given up; it is kept and can be sent again.</summary>
    Failed,
}

/// <summary>
/// What one recipient is told of one event over one channel: there is one row of it, however often the event comes. Rows are
/// written by the consumer and moved by <see cref="Features.Deliver.DeliveryQueue"/>, which does so in SQL, because several instances
/// work on them.
/// </summary>
internal sealed class Notification
{
    public required Guid Id { get; init; }

    public required Guid EventId { get; init; }

    /// <summary>The order that it is about, if it is about one.</summary>
    public Guid? OrderId { get; init; }

    /// <summary>One of <see cref="Audiences"/>.</summary>
    public required string Audience { get; init; }

    /// <summary>
    /// A customer's id, whose address is looked up in the contact book when it is delivered; or the address of one of the staff.
    /// </summary>
    public required string Recipient { get; init; }

    /// <summary>One of <see cref="Channels"/>.</summary>
    public required string Channel { get; init; }

    public required string Subject { get; init; }

    /// <summary>Plain text. Without a greeting: that takes the name from the contact book when it is delivered.</summary>
    public required string Text { get; init; }

    /// <summary>The same as HTML, for mail. Null for webhooks, and for mails from before there was HTML.</summary>
    public string? Html { get; init; }

    /// <summary>What a webhook gets, byte for byte the same at every attempt. Null for mail.</summary>
    public string? Payload { get; init; }

    /// <summary>The W3C traceparent of what caused it: its deliveries belong to that trace. Null for one from before there was this.</summary>
    public string? TraceParent { get; init; }

    public required NotificationStatus Status { get; init; }

    /// <summary>Deliveries begun since it became pending.</summary>
    public int Attempts { get; init; }

    /// <summary>
    /// While pending, when it is due. An instance that delivers it moves this ahead: until then it is that instance's, and the
    /// value, which is never the same twice, tells whether it still is.
    /// </summary>
    public DateTimeOffset? NextAttemptAt { get; init; }

    /// <summary>A code, never the other side's words: those may repeat the address.</summary>
    public string? LastError { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it was last delivered. Sending it again does not take that back.</summary>
    public DateTimeOffset? DeliveredAt { get; init; }

    /// <summary>Deliveries before it was last sent again.</summary>
    public int EarlierDeliveries { get; init; }

    public int Deliveries => EarlierDeliveries + (Status == NotificationStatus.Delivered ? 1 : 0);
}

/// <summary>The ways to reach somebody.</summary>
internal static class Channels
{
    public const string Email = "email";

    /// <summary>A call of an address that the customer gave.</summary>
    public const string Webhook = "webhook";
}

/// <summary>Whom a notification is for, and so what its recipient is.</summary>
internal static class Audiences
{
    public const string Customer = "customer";
    public const string Staff = "staff";
}
