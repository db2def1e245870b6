using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Inventory.Domain;
using Shop.Inventory.Persistence;
using Shop.ServiceDefaults.Http;

namespace Shop.Inventory.Features.GetProducts;

internal static class GetProductsEndpoints
{
    public static void MapGetProducts(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/products/{sku}", GetProduct).WithSummary("One product with its stock.")
            .ProducesProblem(StatusCodes.Status404NotFound);
        routes.MapGet("/products", ListProducts).WithSummary("All products with their stock, by sku.");
    }

    private static async Task<Results<Ok<ProductResponse>, ProblemHttpResult>> GetProduct(
        string sku, InventoryDbContext db, CancellationToken ct) =>
        Product.IsSku(sku) && await db.Products.AsNoTracking().FirstOrDefaultAsync(p => p.Sku == sku, ct) is { } product
            ? TypedResults.Ok(ProductResponse.Of(product))
            : Problem.NotFound($"There is no product {sku}.");

    private static async Task<Ok<Page<ProductResponse>>> ListProducts(
        InventoryDbContext db,
        CancellationToken ct,
        string? cursor = null,
        [Range(1, Paging.MaxLimit)] int limit = Paging.DefaultLimit)
    {
        var products = db.Products.AsNoTracking();
        if (Paging.FromCursor(cursor) is { } after)
        {
            if (!Product.IsSku(after))
            {
                throw new BadCursorException();
            }

            products = products.Where(product => string.Compare(product.Sku, after) > 0);
        }

        var rows = await products.OrderBy(product => product.Sku).Take(limit + 1).ToListAsync(ct);
        var page = Paging.ToPage(rows, limit, product => product.Sku);
        return TypedResults.Ok(new Page<ProductResponse>([.. page.Items.Select(ProductResponse.Of)], page.NextCursor));
    }
}
