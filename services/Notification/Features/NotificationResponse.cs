namespace Shop.Notification.Features;

/// <summary>What somebody is told of an event.</summary>
/// <param name="Id">The notification's id; the Message-ID of the mail is made of it.</param>
/// <param name="EventId">The event that it tells of.</param>
/// <param name="OrderId">The order that it is about; null where it is about none.</param>
/// <param name="Recipient">The customer.</param>
/// <param name="Channel">email.</param>
/// <param name="Subject">In a few words.</param>
/// <param name="Text">Plain text, without the greeting.</param>
/// <param name="Status">pending, delivered or failed.</param>
/// <param name="Attempts">Deliveries begun since it last became pending.</param>
/// <param name="Error">
/// Why the last attempt failed: no-contact, bad-address, unreachable, timeout, lost, unexpected or smtp-(code). Null when delivered.
/// </param>
/// <param name="CreatedAt">When it was written, UTC.</param>
/// <param name="DeliveredAt">When the mail server took it, UTC; null until then.</param>
public sealed record NotificationResponse(
    Guid Id,
    Guid EventId,
    Guid? OrderId,
    string Recipient,
    string Channel,
    string Subject,
    string Text,
    string Status,
    int Attempts,
    string? Error,
    DateTimeOffset CreatedAt,
    DateTimeOffset? DeliveredAt)
{
    internal static NotificationResponse Of(Notification notification) => new(
        notification.Id,
        notification.EventId,
        notification.OrderId,
        notification.Recipient,
        notification.Channel,
        notification.Subject,
        notification.Text,
        StatusName(notification.Status),
        notification.Attempts,
        notification.LastError,
        notification.CreatedAt,
        notification.DeliveredAt);

    internal static string StatusName(NotificationStatus status) => status.ToString().ToLowerInvariant();
}
