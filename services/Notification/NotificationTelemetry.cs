using System.Diagnostics;
using Shop.Notification.Features.Deliver;

namespace Shop.Notification;

/// <summary>The spans of this service, without personal data.</summary>
internal static class NotificationTelemetry
{
    private static readonly ActivitySource s_activities = new("Shop.Notification");

    /// <summary>One delivery attempt, in the trace of the notification's event.</summary>
    public static Activity? Deliver(Notification notification)
    {
        Activity.Current = null;
        ActivityContext.TryParse(notification.TraceParent, null, isRemote: true, out var cause);
        return s_activities.StartActivity($"deliver {notification.Channel}", ActivityKind.Client, cause)?
            .SetTag("shop.notification.id", notification.Id.ToString())
            .SetTag("shop.notification.attempt", notification.Attempts);
    }

    /// <summary>Nothing was sent; the attempt does not count.</summary>
    public static void Defer(Activity? delivery, string reason) => delivery?.SetTag("shop.notification.deferred", reason);

    public static void Fail(Activity? delivery, DeliveryError error) => delivery?.SetStatus(ActivityStatusCode.Error).SetTag("error.type", error.Code);
}
