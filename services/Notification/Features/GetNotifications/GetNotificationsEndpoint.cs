using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Notification.Persistence;
using Shop.ServiceDefaults.Http;

namespace Shop.Notification.Features.GetNotifications;

internal static class GetNotificationsEndpoint
{
    public static void MapGetNotifications(this IEndpointRouteBuilder routes) => routes.MapGet("/notifications", ListNotifications)
        .WithSummary("The caller's notifications, newest first; staff see everybody's.")
        .ProducesProblem(StatusCodes.Status400BadRequest);

    private static async Task<Results<Ok<Page<NotificationResponse>>, ProblemHttpResult>> ListNotifications(
        ClaimsPrincipal user,
        NotificationDbContext db,
        CancellationToken ct,
        string? status = null,
        Guid? orderId = null,
        string? cursor = null,
        [Range(1, Paging.MaxLimit)] int limit = Paging.DefaultLimit)
    {
        var notifications = VisibleTo(db.Notifications.AsNoTracking(), user);
        if (status is not null)
        {
            if (!Enum.GetNames<NotificationStatus>().Contains(status, StringComparer.OrdinalIgnoreCase))
            {
                var names = string.Join(", ", Enum.GetValues<NotificationStatus>().Select(NotificationResponse.StatusName));
                return Problem.Of(StatusCodes.Status400BadRequest, "unknown-status", $"'{status}' is not a status. Use one of {names}.");
            }

            var wanted = Enum.Parse<NotificationStatus>(status, ignoreCase: true);
            notifications = notifications.Where(notification => notification.Status == wanted);
        }

        if (orderId is not null)
        {
            notifications = notifications.Where(notification => notification.OrderId == orderId);
        }

        if (Paging.IdFromCursor(cursor) is { } after)
        {
            notifications = notifications.Where(notification => notification.Id < after);
        }

        var rows = await notifications.OrderByDescending(notification => notification.Id).Take(limit + 1).ToListAsync(ct);
        var page = Paging.ToPage(rows, limit, notification => notification.Id.ToString());
        return TypedResults.Ok(new Page<NotificationResponse>([.. page.Items.Select(NotificationResponse.Of)], page.NextCursor));
    }

    private static IQueryable<Notification> VisibleTo(IQueryable<Notification> notifications, ClaimsPrincipal user)
    {
        var customerId = user.CustomerId();
        return user.IsStaff()
            ? notifications
            : notifications.Where(notification => notification.Recipient == customerId && notification.Audience == Audiences.Customer);
    }
}
