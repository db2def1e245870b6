using System.Text.Json.Serialization;
using Shop.Inventory.Domain;

namespace Shop.Inventory.Features;

/// <summary>A product and its stock.</summary>
/// <param name="Sku">Its key.</param>
/// <param name="Name">Its display name.</param>
/// <param name="UnitPrice">The price of one unit, in <paramref name="Currency"/>.</param>
/// <param name="Currency">ISO 4217.</param>
/// <param name="OnHand">Units in the warehouse and not reserved.</param>
/// <param name="Reserved">Units reserved for orders.</param>
/// <param name="Shipped">Units shipped so far.</param>
/// <param name="Available">Units that can be ordered now: <paramref name="OnHand"/>.</param>
/// <param name="Version">Counts the product's changes, from 1.</param>
/// <param name="LowStockThreshold">The stock is low at this many units on hand or fewer; absent without a threshold.</param>
public sealed record ProductResponse(
    string Sku,
    string Name,
    decimal UnitPrice,
    string Currency,
    int OnHand,
    int Reserved,
    long Shipped,
    int Available,
    int Version,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? LowStockThreshold)
{
    internal static ProductResponse Of(Product product) => new(product.Sku, product.Name, product.UnitPrice, product.Currency,
        product.OnHand, product.Reserved, product.Shipped, product.OnHand, product.Version, product.LowStockThreshold);
}
