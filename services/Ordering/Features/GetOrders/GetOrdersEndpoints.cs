using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Ordering.Domain;
using Shop.Ordering.Persistence;
using Shop.ServiceDefaults.Http;

namespace Shop.Ordering.Features.GetOrders;

internal static class GetOrdersEndpoints
{
    public static void MapGetOrders(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/orders/{id:guid}", GetOrder).WithName("GetOrder").WithSummary("One order; staff see all orders.");
        routes.MapGet("/orders", ListOrders).WithSummary("The caller's orders, newest first; staff see all orders.");
    }

    private static async Task<Results<Ok<OrderResponse>, ProblemHttpResult>> GetOrder(
        Guid id, ClaimsPrincipal user, OrderingDbContext db, CancellationToken ct)
    {
        var order = await db.Orders.AsNoTracking().VisibleTo(user).FirstOrDefaultAsync(o => o.Id == id, ct);
        return order is null ? Problem.NotFound($"There is no order {id}.") : TypedResults.Ok(OrderResponse.Of(order));
    }

    private static async Task<Results<Ok<Page<OrderResponse>>, ProblemHttpResult>> ListOrders(
        ClaimsPrincipal user,
        OrderingDbContext db,
        CancellationToken ct,
        string? status = null,
        string? cursor = null,
        [Range(1, Paging.MaxLimit)] int limit = Paging.DefaultLimit)
    {
        var orders = db.Orders.AsNoTracking().VisibleTo(user);
        if (status is not null)
        {
            if (!Enum.GetNames<OrderStatus>().Contains(status, StringComparer.OrdinalIgnoreCase))
            {
                return Problem.Of(StatusCodes.Status400BadRequest, "unknown-status",
                    $"'{status}' is not a status. Use one of {string.Join(", ", Enum.GetValues<OrderStatus>().Select(OrderResponse.StatusName))}.");
            }

            var wanted = Enum.Parse<OrderStatus>(status, ignoreCase: true);
            orders = orders.Where(order => order.Status == wanted);
        }

        if (Paging.IdFromCursor(cursor) is { } after)
        {
            orders = orders.Where(order => order.Id < after);
        }

        var rows = await orders.OrderByDescending(order => order.Id).Take(limit + 1).ToListAsync(ct);
        var page = Paging.ToPage(rows, limit, order => order.Id.ToString());
        return TypedResults.Ok(new Page<OrderResponse>([.. page.Items.Select(OrderResponse.Of)], page.NextCursor));
    }
}
