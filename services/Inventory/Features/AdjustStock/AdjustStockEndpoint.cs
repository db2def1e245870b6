using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.Inventory.Domain;
using Shop.Inventory.Persistence;
using Shop.ServiceDefaults.Http;

namespace Shop.Inventory.Features.AdjustStock;

/// <summary>A correction of what is on hand.</summary>
/// <param name="Quantity">Units more, or less if negative; not 0, at most 1,000,000 either way.</param>
/// <param name="Reason">Why, for the ledger: 1 to 200 characters.</param>
public sealed record AdjustStockRequest(
    [property: Range(-Product.MaxReceipt, Product.MaxReceipt)] int Quantity,
    [property: Required, StringLength(Product.MaxReasonLength, MinimumLength = 1)] string Reason);

internal static class AdjustStockEndpoint
{
    public static void MapAdjustStock(this IEndpointRouteBuilder routes) => routes.MapPost("/products/{sku}/adjustments", AdjustStock)
        .RequireAuthorization(Auth.Staff)
        .WithSummary("Corrects how many units of a product are on hand, up or down, with a reason (staff).")
        .ProducesProblem(StatusCodes.Status404NotFound)
        .ProducesProblem(StatusCodes.Status409Conflict)
        .ProducesProblem(StatusCodes.Status422UnprocessableEntity)
        .ProducesValidationProblem();

    private static Task<Results<Ok<ProductResponse>, ProblemHttpResult>> AdjustStock(
        string sku, AdjustStockRequest request, InventoryDbContext db, TimeProvider clock, CancellationToken ct) =>
        db.InTransactionAsync<Results<Ok<ProductResponse>, ProblemHttpResult>>(async () =>
        {
            if (!Product.IsSku(sku) || await db.LockProductAsync(sku, ct) is not { } product)
            {
                return Problem.NotFound($"There is no product {sku}.");
            }

            product.Adjust(request.Quantity, request.Reason, clock.GetUtcNow());
            await db.SaveChangesAsync(ct);
            return TypedResults.Ok(ProductResponse.Of(product));
        }, ct);
}
