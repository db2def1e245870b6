using MassTransit;
using Shop.Contracts.Inventory.V1;
using Shop.Ordering.Domain;
using Shop.Ordering.Persistence;

namespace Shop.Ordering.Features.ProductPrices;

/// <summary>Updates Ordering's copy of names and prices, in whatever order the events arrive.</summary>
internal sealed class ProductPricesConsumer(OrderingDbContext db) : IConsumer<ProductListed>, IConsumer<ProductPriceChanged>
{
    public async Task Consume(ConsumeContext<ProductListed> context)
    {
        var listed = context.Message;
        var product = await FindOrAddAsync(listed.Sku, context.CancellationToken);
        product.Rename(listed.Name, listed.ProductVersion);
        product.Reprice(listed.UnitPrice, listed.Currency, listed.ProductVersion);
    }

    public async Task Consume(ConsumeContext<ProductPriceChanged> context)
    {
        var changed = context.Message;
        var product = await FindOrAddAsync(changed.Sku, context.CancellationToken);
        product.Reprice(changed.UnitPrice, changed.Currency, changed.ProductVersion);
    }

    private async Task<Product> FindOrAddAsync(string sku, CancellationToken ct) =>
        await db.Products.FindAsync([sku], ct) ?? db.Products.Add(Product.Unnamed(sku)).Entity;
}
