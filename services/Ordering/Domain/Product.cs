using Shop.Messaging.DomainEvents;
using Shop.ServiceDefaults.Domain;


namespace Shop.Ordering.Domain;

/// <summary>
/// Ordering's copy of what Inventory sells, so that placing an order calls nobody. Events may come late or out of order: what
/// is older than what is known changes nothing.
/// </summary>
internal sealed class Product
{
    /// <summary>With the most lines and units that an order may have, still far from what a decimal holds.</summary>
    public const decimal MaxUnitPrice = 100_000_000;

    private Product() { } // EF Core

    public string Sku { get; private init; } = "";

    /// <summary>The sku until the listing has arrived.</summary>
    public string Name { get; private set; } = "";

    public decimal UnitPrice { get; private set; }

    public string Currency { get; private set; } = "";

    public int NameVersion { get; private set; }

    public int PriceVersion { get; private set; }

    public static Product Unnamed(string sku) => new() { Sku = sku, Name = sku };

    public void Named(string name, int version)
    {
        if (version > NameVersion)
        {
            (Name, NameVersion) = (name, version);
        }
    }

    /// <exception cref="DomainException">It is no price: the event did not come from Inventory, which lists none like it.</exception>
    public void Priced(decimal unitPrice, string currency, int version)
    {
        if (unitPrice is < 0 or > MaxUnitPrice || decimal.Round(unitPrice, Iso4217.MaxDecimals) != unitPrice)
        {
            throw new DomainException("malformed-price",
                $"A price is 0 to {MaxUnitPrice} with at most {Iso4217.MaxDecimals} decimals; {unitPrice} of {Sku} is none.");
        }

        if (version > PriceVersion)
        {
            (UnitPrice, Currency, PriceVersion) = (unitPrice, currency, version);
        }
    }
}
