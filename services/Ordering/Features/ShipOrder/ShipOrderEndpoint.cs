using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Ordering.Persistence;
using Shop.ServiceDefaults.Hosting;
using Shop.ServiceDefaults.Http;

namespace Shop.Ordering.Features.ShipOrder;

internal static class ShipOrderEndpoint
{
    public static void MapShipOrder(this IEndpointRouteBuilder routes) => routes.MapPost("/orders/{id:guid}/ship", ShipOrder)
        .RequireAuthorization(Auth.Staff)
        .WithSummary("Ships a confirmed order (staff).")
        .ProducesProblem(StatusCodes.Status404NotFound)
        .ProducesProblem(StatusCodes.Status409Conflict);

    private static Task<Results<Ok<OrderResponse>, ProblemHttpResult>> ShipOrder(
        Guid id, ClaimsPrincipal user, OrderingDbContext db, TimeProvider clock, CancellationToken ct) =>
        db.RetryOnConflictAsync<Results<Ok<OrderResponse>, ProblemHttpResult>>(async () =>
        {
            var order = await db.Orders.VisibleTo(user).FirstOrDefaultAsync(o => o.Id == id, ct);
            if (order is null)
            {
                return Problem.NotFound($"There is no order {id}.");
            }

            order.Ship(user.AsCause(), clock.GetUtcNow());
            await db.SaveChangesAsync(ct);
            return TypedResults.Ok(OrderResponse.Of(order));
        });
}
