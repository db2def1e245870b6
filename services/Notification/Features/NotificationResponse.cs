namespace Shop.Notification.Features;

/// <summary>What somebody is told of an event.</summary>
/// <param name="Id">The notification's id; the Message-ID of the mail is made of it, and the webhook gets it.</param>
/// <param name="EventId">The event that it tells of.</param>
/// <param name="OrderId">The order that it is about; null where it is about none.</param>
/// <param name="Recipient">The customer; or the address of one of the staff.</param>
/// <param name="Channel">email or webhook.</param>
/// <param name="Subject">In a few words.</param>
/// <param name="Text">Plain text, without the greeting.</param>
/// <param name="Status">pending, delivered or failed.</param>
/// <param name="Attempts">Deliveries begun since it last became pending.</param>
/// <param name="Error">
/// Why the last attempt failed: no-contact, bad-address, forbidden-address, certificate, unreachable, timeout, lost, unexpected,
/// smtp-(code) or http-(status). Null when delivered.
/// </param>
/// <param name="CreatedAt">When it was written, UTC.</param>
/// <param name="DeliveredAt">When the mail server or the webhook last took it, UTC; null until then. Sending it again keeps it.</param>
/// <param name="Deliveries">How often it was delivered: more than once only if it was sent again.</param>
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
    DateTimeOffset? DeliveredAt,
    int Deliveries)
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
        notification.DeliveredAt,
        notification.Deliveries);

    internal static string StatusName(NotificationStatus status) => status.ToString().ToLowerInvariant();
}
