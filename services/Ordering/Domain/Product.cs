namespace Shop.Ordering.Domain;

/// <summary>
/// Ordering's copy of what Inventory sells, so that placing an order calls nobody. Events may come late or out of order: what
/// is older than what is known changes nothing.
/// </summary>
internal sealed class Product
{
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

    public void Priced(decimal unitPrice, string currency, int version)
    {
        if (version > PriceVersion)
        {
            (UnitPrice, Currency, PriceVersion) = (unitPrice, currency, version);
        }
    }
}
