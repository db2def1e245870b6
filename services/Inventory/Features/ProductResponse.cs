using System.Text.Json.Serialization;
using Shop.Inventory.Domain;

namespace Shop.Inventory.Features;

/// <summary>A product and its stock.</summary>
/// <param name="Sku">Its key.</param>
/// <param name="Name">What people call it.</param>
/// <param name="UnitPrice">The price of one unit, in <paramref name="Currency"/>.</param>
/// <param name="Currency">ISO 4217.</param>
/// <param name="OnHand">Units on the shelf and not set aside.</param>
/// <param name="Reserved">Units set aside for orders.</param>
/// <param name="Shipped">Units that left, ever.</param>
/// <param name="Available">What an order could have now: <paramref name="OnHand"/>.</param>
/// <param name="Version">Counts the product's changes, from 1.</param>
/// <param name="LowStockThreshold">At so many units on hand or fewer the stock is low; absent where nobody watches it.</param>
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
