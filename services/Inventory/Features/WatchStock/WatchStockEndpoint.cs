using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.Inventory.Domain;
using Shop.Inventory.Persistence;
using Shop.ServiceDefaults.Http;

namespace Shop.Inventory.Features.WatchStock;

/// <summary>When a product's stock counts as low.</summary>
/// <param name="Threshold">The stock is low at this many units on hand or fewer, 0 to 1,000,000,000; null removes the threshold.</param>
public sealed record WatchStockRequest([property: Range(0, Product.MaxStock)] int? Threshold);

internal static class WatchStockEndpoint
{
    public static void MapWatchStock(this IEndpointRouteBuilder routes) => routes.MapPut("/products/{sku}/low-stock-threshold", WatchStock)
        .RequireAuthorization(Auth.Staff)
        .WithSummary("Sets a product's low-stock threshold; null removes it (staff).")
        .ProducesProblem(StatusCodes.Status404NotFound)
        .ProducesValidationProblem();

    private static Task<Results<Ok<ProductResponse>, ProblemHttpResult>> WatchStock(
        string sku, WatchStockRequest request, InventoryDbContext db, TimeProvider clock, CancellationToken ct) =>
        db.InTransactionAsync<Results<Ok<ProductResponse>, ProblemHttpResult>>(async () =>
        {
            if (!Product.IsSku(sku) || await db.LockProductAsync(sku, ct) is not { } product)
            {
                return Problem.NotFound($"There is no product {sku}.");
            }

            product.WatchStock(request.Threshold, clock.GetUtcNow());
            await db.SaveChangesAsync(ct);
            return TypedResults.Ok(ProductResponse.Of(product));
        }, ct);
}
