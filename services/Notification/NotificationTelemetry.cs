using System.Diagnostics;
using Shop.Notification.Features.Deliver;

namespace Shop.Notification;

/// <summary>The spans of this service. No personal data goes into them.</summary>
internal static class NotificationTelemetry
{
    private static readonly ActivitySource s_activities = new("Shop.Notification");

    /// <summary>One attempt to deliver, in the trace of the event that the notification is about.</summary>
    public static Activity? Deliver(Notification notification)
    {
        Activity.Current = null;
        ActivityContext.TryParse(notification.TraceParent, null, isRemote: true, out var cause);
        return s_activities.StartActivity($"deliver {notification.Channel}", ActivityKind.Client, cause)?
            .SetTag("shop.notification.id", notification.Id.ToString())
            .SetTag("shop.notification.attempt", notification.Attempts);
    }

    /// <summary>Nobody was asked, and it is no attempt.</summary>
    public static void Skip(Activity? delivery, string reason) => delivery?.SetTag("shop.notification.put_off", reason);

    public static void Fail(Activity? delivery, DeliveryError error) => delivery?.SetStatus(ActivityStatusCode.Error).SetTag("error.type", error.Code);
}
