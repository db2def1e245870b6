using Shop.Messaging.DomainEvents;
using Shop.ServiceDefaults.Domain;


namespace Shop.Ordering.Domain;

/// <summary>
/// Ordering's copy of a product, so that placing an order needs no call to Inventory. Events may arrive late or out of order: what
/// is older than the stored version is ignored.
/// </summary>
internal sealed class Product
{
    /// <summary>Even the largest order's total stays far below decimal's range.</summary>
    public const decimal MaxUnitPrice = 100_000_000;

    private Product() { } // EF Core

    public string Sku { get; private init; } = "";

    /// <summary>The sku until ProductListed has arrived.</summary>
    public string Name { get; private set; } = "";

    public decimal UnitPrice { get; private set; }

    public string Currency { get; private set; } = "";

    public int NameVersion { get; private set; }

    public int PriceVersion { get; private set; }

    public static Product Unnamed(string sku) => new() { Sku = sku, Name = sku };

    public void Rename(string name, int version)
    {
        if (version > NameVersion)
        {
            (Name, NameVersion) = (name, version);
        }
    }

    /// <exception cref="DomainException">The price is invalid, which Inventory never publishes.</exception>
    public void Reprice(decimal unitPrice, string currency, int version)
    {
        if (unitPrice is < 0 or > MaxUnitPrice || decimal.Round(unitPrice, Iso4217.MaxDecimals) != unitPrice)
        {
            throw new DomainException("malformed-price",
                $"A price must be 0 to {MaxUnitPrice} with at most {Iso4217.MaxDecimals} decimals; it is {unitPrice} for {Sku}.");
        }

        if (version > PriceVersion)
        {
            (UnitPrice, Currency, PriceVersion) = (unitPrice, currency, version);
        }
    }
}
