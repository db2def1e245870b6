namespace Shop.Notification.Features;

/// <summary>A notification of an event to one recipient over one channel.</summary>
/// <param name="Id">The notification's id, also in the mail's Message-ID and the webhook's payload.</param>
/// <param name="EventId">The event.</param>
/// <param name="OrderId">The order, if any.</param>
/// <param name="Recipient">The customer's id, or a staff address.</param>
/// <param name="Channel">email or webhook.</param>
/// <param name="Subject">The subject.</param>
/// <param name="Text">Plain text, without the greeting.</param>
/// <param name="Status">pending, delivered or failed.</param>
/// <param name="Attempts">Delivery attempts since it last became pending.</param>
/// <param name="Error">
/// Why the last attempt failed: no-contact, bad-address, forbidden-address, certificate, unreachable, timeout, lost, unexpected,
/// smtp-(code) or http-(status). Null when delivered.
/// </param>
/// <param name="CreatedAt">When it was created, UTC.</param>
/// <param name="DeliveredAt">When the mail server or the webhook last accepted it, UTC; null until then. Kept when it is resent.</param>
/// <param name="Deliveries">How often it was delivered: more than once only if it was resent.</param>
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
