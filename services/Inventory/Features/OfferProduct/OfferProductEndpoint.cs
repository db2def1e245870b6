using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.Inventory.Domain;
using Shop.Inventory.Persistence;
using Shop.ServiceDefaults.Http;

namespace Shop.Inventory.Features.OfferProduct;

/// <summary>A product's name and price.</summary>
/// <param name="Name">1 to 200 characters.</param>
/// <param name="UnitPrice">0 to 100,000,000, with no more decimals than the currency has: none in JPY, three in KWD.</param>
/// <param name="Currency">A code of ISO 4217, three capital letters.</param>
public sealed record OfferProductRequest(
    [property: Required, StringLength(200, MinimumLength = 1)] string Name,
    decimal UnitPrice,
    [property: Required, StringLength(3, MinimumLength = 3)] string Currency);

internal static class OfferProductEndpoint
{
    public static void MapOfferProduct(this IEndpointRouteBuilder routes) => routes.MapPut("/products/{sku}", OfferProduct)
        .RequireAuthorization(Auth.Staff)
        .WithSummary("Lists a product, or changes its name or price (staff).")
        .ProducesProblem(StatusCodes.Status422UnprocessableEntity)
        .ProducesValidationProblem();

    private static Task<Results<Created<ProductResponse>, Ok<ProductResponse>>> OfferProduct(
        string sku, OfferProductRequest request, InventoryDbContext db, TimeProvider clock, CancellationToken ct) =>
        db.InTransactionAsync<Results<Created<ProductResponse>, Ok<ProductResponse>>>(async () =>
        {
            var product = await db.LockProductAsync(sku, ct);
            if (product is null)
            {
                product = Product.List(sku, request.Name, request.UnitPrice, request.Currency, clock.GetUtcNow());
                db.Products.Add(product);
                await db.SaveChangesAsync(ct);
                return TypedResults.Created($"/products/{sku}", ProductResponse.Of(product));
            }

            product.Offer(request.Name, request.UnitPrice, request.Currency, clock.GetUtcNow());
            await db.SaveChangesAsync(ct);
            return TypedResults.Ok(ProductResponse.Of(product));
        }, ct);
}
