using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.Inventory.Domain;
using Shop.Inventory.Persistence;
using Shop.ServiceDefaults.Http;

namespace Shop.Inventory.Features.ReceiveStock;

/// <summary>Units that arrived.</summary>
/// <param name="Quantity">1 to 1,000,000.</param>
public sealed record ReceiveStockRequest([property: Range(1, Product.MaxReceipt)] int Quantity);

internal static class ReceiveStockEndpoint
{
    public static void MapReceiveStock(this IEndpointRouteBuilder routes) => routes.MapPost("/products/{sku}/receipts", ReceiveStock)
        .RequireAuthorization(Auth.Staff)
        .WithSummary("Puts new units of a product on the shelf (staff).")
        .ProducesProblem(StatusCodes.Status404NotFound)
        .ProducesProblem(StatusCodes.Status422UnprocessableEntity)
        .ProducesValidationProblem();

    // Locked rather than retried: beside a busy product's orders a receipt would lose every race.
    private static Task<Results<Ok<ProductResponse>, ProblemHttpResult>> ReceiveStock(
        string sku, ReceiveStockRequest request, InventoryDbContext db, TimeProvider clock, CancellationToken ct) =>
        db.InTransactionAsync<Results<Ok<ProductResponse>, ProblemHttpResult>>(async () =>
        {
            if (!Product.IsSku(sku) || await db.LockProductAsync(sku, ct) is not { } product)
            {
                return Problem.NotFound($"There is no product {sku}.");
            }

            product.Receive(request.Quantity, clock.GetUtcNow());
            await db.SaveChangesAsync(ct);
            return TypedResults.Ok(ProductResponse.Of(product));
        }, ct);
}
