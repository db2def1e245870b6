using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.Inventory.Domain;
using Shop.Inventory.Persistence;
using Shop.ServiceDefaults.Http;

namespace Shop.Inventory.Features.ReceiveStock;

/// <summary>A receipt of new units.</summary>
/// <param name="Quantity">1 to 1,000,000.</param>
public sealed record ReceiveStockRequest([property: Range(1, Product.MaxReceipt)] int Quantity);

internal static class ReceiveStockEndpoint
{
    public static void MapReceiveStock(this IEndpointRouteBuilder routes) => routes.MapPost("/products/{sku}/receipts", ReceiveStock)
        .RequireAuthorization(Auth.Staff)
        .WithSummary("Receives new units of a product (staff).")
        .ProducesProblem(StatusCodes.Status404NotFound)
        .ProducesProblem(StatusCodes.Status422UnprocessableEntity)
        .ProducesValidationProblem();

    // Locked rather than retried: a busy product's orders would cause a concurrency conflict at every attempt.
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
