using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Notification.Persistence;
using Shop.ServiceDefaults.Http;

namespace Shop.Notification.Features.ResendNotification;

internal static class ResendNotificationEndpoint
{
    public static void MapResendNotification(this IEndpointRouteBuilder routes) =>
        routes.MapPost("/notifications/{id:guid}/resend", ResendNotification)
            .RequireAuthorization(Auth.Staff)
            .WithSummary("Resends a delivered or failed notification, under the same id (staff).")
            .WithDescription("It becomes pending with attempts reset; deliveries and deliveredAt are kept. For one that is "
                + "pending already the response is 409.")
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict);

    private static async Task<Results<Ok<NotificationResponse>, ProblemHttpResult>> ResendNotification(
        Guid id, NotificationDbContext db, DeliverySignal signal, TimeProvider clock, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        var changed = await db.Notifications.Where(n => n.Id == id && n.Status != NotificationStatus.Pending).ExecuteUpdateAsync(set => set
            .SetProperty(n => n.Status, NotificationStatus.Pending)
            .SetProperty(n => n.Attempts, 0)
            .SetProperty(n => n.NextAttemptAt, now)
            .SetProperty(n => n.LastError, (string?)null)
            .SetProperty(n => n.EarlierDeliveries, n => n.EarlierDeliveries + (n.Status == NotificationStatus.Delivered ? 1 : 0)), ct);
        var notification = await db.Notifications.AsNoTracking().FirstOrDefaultAsync(n => n.Id == id, ct);
        if (notification is null)
        {
            return Problem.NotFound($"There is no notification {id}.");
        }

        if (changed == 0)
        {
            return Problem.Of(StatusCodes.Status409Conflict, "notification-pending",
                "The notification is pending: it will be delivered, or fail, without being resent.");
        }

        signal.Set();
        return TypedResults.Ok(NotificationResponse.Of(notification));
    }
}
