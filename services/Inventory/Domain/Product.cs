using System.Text.RegularExpressions;
using Shop.Messaging.DomainEvents;
using Shop.ServiceDefaults.Domain;

namespace Shop.Inventory.Domain;

/// <summary>
/// A product and its stock. OnHand, Reserved and Shipped follow from the ledger of movements: each unit that was ever received
/// is in exactly one of them. Receiving and adjusting go through the aggregate; an order's lines are moved by
/// <c>StockMoves</c>, which changes several products at once and never loads them.
/// </summary>
internal sealed partial class Product : AggregateRoot
{
    public const int MaxSkuLength = 64;
    public const int MaxNameLength = 200;
    public const int MaxReceipt = 1_000_000;
    public const int MaxStock = 1_000_000_000;
    public const int MaxReasonLength = 200;
    public const decimal MaxUnitPrice = 100_000_000;

    /// <summary>Why units are booked in when an order is shipped with more than the books have.</summary>
    public const string FoundForLateShipment = "shipped after its reservation expired";

    private Product() { } // EF Core

    public string Sku { get; private init; } = "";

    public string Name { get; private set; } = "";

    public decimal UnitPrice { get; private set; }

    public string Currency { get; private set; } = "";

    /// <summary>Units on the shelf and not set aside: what is available.</summary>
    public int OnHand { get; private set; }

    /// <summary>Units set aside for orders.</summary>
    public int Reserved { get; private set; }

    /// <summary>Units that left, ever.</summary>
    public long Shipped { get; private set; }

    /// <summary>At so many units on hand or fewer the stock is low; null for a product that nobody watches.</summary>
    public int? LowStockThreshold { get; private set; }

    private bool IsLow => OnHand <= LowStockThreshold;

    /// <summary>Offers a new product; there is none of it yet.</summary>
    public static Product List(string sku, string name, decimal unitPrice, string currency, DateTimeOffset now)
    {
        CheckSku(sku);
        var price = CheckOffer(name, unitPrice, currency);
        var product = new Product { Sku = sku, Name = name, UnitPrice = price, Currency = currency, Version = 1 };
        product.Raise(new ProductListed(sku, product.Version, name, product.UnitPrice, currency, now));
        return product;
    }

    /// <summary>Changes the name or the price. What is the same already is no change.</summary>
    public void Offer(string name, decimal unitPrice, string currency, DateTimeOffset now)
    {
        var price = CheckOffer(name, unitPrice, currency);
        var renamed = name != Name;
        if (!renamed && unitPrice == UnitPrice && currency == Currency)
        {
            return;
        }

        (Name, UnitPrice, Currency) = (name, price, currency);
        Version++;
        Raise(renamed
            ? new ProductListed(Sku, Version, Name, UnitPrice, Currency, now)
            : new ProductPriceChanged(Sku, Version, UnitPrice, Currency, now));
    }

    /// <summary>Puts new units on the shelf.</summary>
    public void Receive(int quantity, DateTimeOffset now)
    {
        if (quantity is < 1 or > MaxReceipt)
        {
            throw new DomainException("receipt-quantity", $"A receipt is of 1 to {MaxReceipt} units; {quantity} is not.");
        }

        CheckRoom(quantity);
        OnHand += quantity;
        Version++;
        Raise(new StockReceived(Sku, Version, quantity, OnHand, now));
    }

    /// <summary>Corrects what is on hand: units that were found, or are broken or gone. It never touches what is set aside.</summary>
    public void Adjust(int quantity, string reason, DateTimeOffset now)
    {
        if (quantity is 0 or < -MaxReceipt or > MaxReceipt)
        {
            throw new DomainException("adjustment-quantity",
                $"An adjustment is of 1 to {MaxReceipt} units, more or less; {quantity} is not.");
        }

        if (reason.Length > MaxReasonLength || !OneLine.Is(reason))
        {
            throw new DomainException("invalid-reason",
                $"A reason has 1 to {MaxReasonLength} characters, not only blanks, and no control character.");
        }

        if (OnHand + quantity < 0)
        {
            throw new DomainException("not-enough-stock",
                $"There are {OnHand} units of {Sku} on hand: {-quantity} cannot be taken off. What is set aside for orders stays.",
                conflict: true);
        }

        CheckRoom(quantity);
        Change(now, () => OnHand += quantity);
        Raise(new StockAdjusted(Sku, Version, quantity, reason, null, now));
    }

    /// <summary>
    /// An order left after its units went back to the shelf. What the shelf does not have was there all the same, since it left:
    /// it is booked in first.
    /// </summary>
    public void ShipFromShelf(Guid orderId, int quantity, DateTimeOffset now)
    {
        var missing = Math.Max(0, quantity - OnHand);
        Change(now, () =>
        {
            OnHand += missing - quantity;
            Shipped += quantity;
        });
        if (missing > 0)
        {
            Raise(new StockAdjusted(Sku, Version, missing, FoundForLateShipment, orderId, now));
        }
    }

    /// <summary>Watches the stock, or no longer (null). A product that is low by the new threshold and was not by the old becomes low now.</summary>
    public void WatchStock(int? threshold, DateTimeOffset now)
    {
        if (threshold is < 0 or > MaxStock)
        {
            throw new DomainException("low-stock-threshold", $"A threshold is 0 to {MaxStock} units; {threshold} is not.");
        }

        if (threshold != LowStockThreshold)
        {
            Change(now, () => LowStockThreshold = threshold);
        }
    }

    /// <summary>Whether taking units away crossed the threshold: more was on hand before, and not any more.</summary>
    public static bool BecameLow(int before, int after, int? threshold) => before > threshold && after <= threshold;

    /// <summary>Whether a product could be listed under this sku: 1 to 64 letters, digits, dots, hyphens and underscores.</summary>
    public static bool IsSku(string sku) => SkuPattern().IsMatch(sku);

    private void Change(DateTimeOffset now, Action change)
    {
        var wasLow = IsLow;
        change();
        Version++;
        if (IsLow && !wasLow)
        {
            Raise(new StockLevelLow(Sku, Version, OnHand, LowStockThreshold!.Value, now));
        }
    }

    private void CheckRoom(int quantity)
    {
        if ((long)OnHand + Reserved + quantity > MaxStock)
        {
            throw new DomainException("too-much-stock", $"There can be at most {MaxStock} units of {Sku} in the warehouse.");
        }
    }

    private static void CheckSku(string sku)
    {
        if (!IsSku(sku))
        {
            throw new DomainException("invalid-sku",
                $"A sku is 1 to {MaxSkuLength} letters, digits, dots, hyphens or underscores, and not only a dot or two.");
        }
    }

    /// <summary>The price as it is kept: with the decimals of its currency.</summary>
    private static decimal CheckOffer(string name, decimal unitPrice, string currency)
    {
        if (name.Length > MaxNameLength || !OneLine.Is(name))
        {
            throw new DomainException("invalid-name", $"A name has 1 to {MaxNameLength} characters, none of them a control character.");
        }

        if (Iso4217.Find(currency) is not { } known)
        {
            throw new DomainException("invalid-currency",
                $"{currency} is no currency that can be paid in. Use a code of ISO 4217 in capital letters, such as EUR.");
        }

        if (unitPrice is < 0 or > MaxUnitPrice || !known.CanPay(unitPrice))
        {
            throw new DomainException("invalid-price", $"A price is 0 to {MaxUnitPrice}, in {currency} with at most {known.Decimals} decimals.");
        }

        return known.Round(unitPrice);
    }

    // A path segment of one or two dots never arrives: clients resolve it.
    [GeneratedRegex(@"^(?!\.{1,2}\z)[A-Za-z0-9._-]{1,64}\z")]
    private static partial Regex SkuPattern();
}

internal sealed record ProductListed(
    string Sku, int ProductVersion, string Name, decimal UnitPrice, string Currency, DateTimeOffset At) : DomainEvent(At);

internal sealed record ProductPriceChanged(string Sku, int ProductVersion, decimal UnitPrice, string Currency, DateTimeOffset At)
    : DomainEvent(At);

internal sealed record StockReceived(string Sku, int ProductVersion, int Quantity, int OnHand, DateTimeOffset At) : DomainEvent(At);

/// <summary>Units on hand were corrected.</summary>
/// <param name="Quantity">Units more, or less if negative; never 0.</param>
/// <param name="OrderId">The order that was shipped with units that the books did not have; null for a correction by people.</param>
internal sealed record StockAdjusted(string Sku, int ProductVersion, int Quantity, string Reason, Guid? OrderId, DateTimeOffset At)
    : DomainEvent(At);

/// <summary>What is on hand fell to the threshold or below it, or the threshold rose to it.</summary>
internal sealed record StockLevelLow(string Sku, int ProductVersion, int OnHand, int Threshold, DateTimeOffset At) : DomainEvent(At);
