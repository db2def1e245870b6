using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Ordering.Persistence;
using Shop.ServiceDefaults.Hosting;
using Shop.ServiceDefaults.Http;

namespace Shop.Ordering.Features.CancelOrder;

internal static class CancelOrderEndpoint
{
    public static void MapCancelOrder(this IEndpointRouteBuilder routes) => routes.MapPost("/orders/{id:guid}/cancel", CancelOrder)
        .WithSummary("Cancels a placed or confirmed order.")
        .ProducesProblem(StatusCodes.Status404NotFound)
        .ProducesProblem(StatusCodes.Status409Conflict);

    private static Task<Results<Ok<OrderResponse>, ProblemHttpResult>> CancelOrder(
        Guid id, ClaimsPrincipal user, OrderingDbContext db, TimeProvider clock, CancellationToken ct) =>
        db.RetryOnConflictAsync<Results<Ok<OrderResponse>, ProblemHttpResult>>(async () =>
        {
            var order = await db.Orders.VisibleTo(user).FirstOrDefaultAsync(o => o.Id == id, ct);
            if (order is null)
            {
                return Problem.NotFound($"There is no order {id}.");
            }

            order.Cancel(user.AsCause(), clock.GetUtcNow());
            await db.SaveChangesAsync(ct);
            return TypedResults.Ok(OrderResponse.Of(order));
        });
}
