using System.Text.RegularExpressions;
using Shop.Messaging.DomainEvents;
using Shop.ServiceDefaults.Domain;

namespace Shop.Inventory.Domain;

/// <summary>
/// A product and its stock. OnHand, Reserved and Shipped are derived from the ledger of movements: each unit that was ever received
/// is in exactly one of them. Receiving and adjusting go through the aggregate; an order's lines are moved by
/// <c>StockMoves</c>, which updates several products without loading them.
/// </summary>
internal sealed partial class Product : AggregateRoot
{
    public const int MaxSkuLength = 64;
    public const int MaxNameLength = 200;
    public const int MaxReceipt = 1_000_000;
    public const int MaxStock = 1_000_000_000;
    public const int MaxReasonLength = 200;
    public const decimal MaxUnitPrice = 100_000_000;

    /// <summary>The reason of the adjustment when an order is shipped with more units than the ledger has.</summary>
    public const string FoundForLateShipment = "shipped after its reservation expired";

    private Product() { } // EF Core

    public string Sku { get; private init; } = "";

    public string Name { get; private set; } = "";

    public decimal UnitPrice { get; private set; }

    public string Currency { get; private set; } = "";

    /// <summary>Available units: in the warehouse and not reserved.</summary>
    public int OnHand { get; private set; }

    /// <summary>Units reserved for orders.</summary>
    public int Reserved { get; private set; }

    /// <summary>Units shipped so far.</summary>
    public long Shipped { get; private set; }

    /// <summary>The stock is low at this many units on hand or fewer; null for a product without a threshold.</summary>
    public int? LowStockThreshold { get; private set; }

    private bool IsLow => OnHand <= LowStockThreshold;

    /// <summary>Lists a new product, without stock.</summary>
    public static Product List(string sku, string name, decimal unitPrice, string currency, DateTimeOffset now)
    {
        CheckSku(sku);
        var price = CheckOffer(name, unitPrice, currency);
        var product = new Product { Sku = sku, Name = name, UnitPrice = price, Currency = currency, Version = 1 };
        product.Raise(new ProductListed(sku, product.Version, name, product.UnitPrice, currency, now));
        return product;
    }

    /// <summary>Changes the name or the price; does nothing where both are the same.</summary>
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

    /// <summary>Receives new units.</summary>
    public void Receive(int quantity, DateTimeOffset now)
    {
        if (quantity is < 1 or > MaxReceipt)
        {
            throw new DomainException("receipt-quantity", $"A receipt must be 1 to {MaxReceipt} units; it is {quantity}.");
        }

        CheckRoom(quantity);
        OnHand += quantity;
        Version++;
        Raise(new StockReceived(Sku, Version, quantity, OnHand, now));
    }

    /// <summary>Corrects the units on hand: found, broken or lost ones. Reserved units are not changed.</summary>
    public void Adjust(int quantity, string reason, DateTimeOffset now)
    {
        if (quantity is 0 or < -MaxReceipt or > MaxReceipt)
        {
            throw new DomainException("adjustment-quantity",
                $"An adjustment must be 1 to {MaxReceipt} units, up or down; it is {quantity}.");
        }

        if (reason.Length > MaxReasonLength || !SingleLineText.IsValid(reason))
        {
            throw new DomainException("invalid-reason",
                $"A reason must have 1 to {MaxReasonLength} characters, not only blanks, and no control characters.");
        }

        if (OnHand + quantity < 0)
        {
            throw new DomainException("not-enough-stock",
                $"There are {OnHand} units of {Sku} on hand: {-quantity} cannot be removed. Reserved units cannot be adjusted.",
                conflict: true);
        }

        CheckRoom(quantity);
        Change(now, () => OnHand += quantity);
        Raise(new StockAdjusted(Sku, Version, quantity, reason, null, now));
    }

    /// <summary>
    /// Ships an order whose reservation has expired, from the units on hand. Missing units must have existed, since they were shipped:
    /// they are booked in first, as an adjustment.
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

    /// <summary>Sets or removes (null) the low-stock threshold. A product that is low by the new threshold but not by the old becomes low now.</summary>
    public void WatchStock(int? threshold, DateTimeOffset now)
    {
        if (threshold is < 0 or > MaxStock)
        {
            throw new DomainException("low-stock-threshold", $"A threshold must be 0 to {MaxStock} units; it is {threshold}.");
        }

        if (threshold != LowStockThreshold)
        {
            Change(now, () => LowStockThreshold = threshold);
        }
    }

    /// <summary>Whether removing units crossed the threshold.</summary>
    public static bool BecameLow(int before, int after, int? threshold) => before > threshold && after <= threshold;

    /// <summary>Whether it is a valid sku: 1 to 64 letters, digits, dots, hyphens and underscores.</summary>
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
                $"A sku must be 1 to {MaxSkuLength} letters, digits, dots, hyphens or underscores, and not '.' or '..'.");
        }
    }

    /// <summary>The price as it is stored: with the decimals of its currency.</summary>
    private static decimal CheckOffer(string name, decimal unitPrice, string currency)
    {
        if (name.Length > MaxNameLength || !SingleLineText.IsValid(name))
        {
            throw new DomainException("invalid-name", $"A name must have 1 to {MaxNameLength} characters, and no control characters.");
        }

        if (Iso4217.Find(currency) is not { } known)
        {
            throw new DomainException("invalid-currency",
                $"{currency} is not a supported currency. Use a code of ISO 4217 in capital letters, such as EUR.");
        }

        if (unitPrice is < 0 or > MaxUnitPrice || !known.CanRepresent(unitPrice))
        {
            throw new DomainException("invalid-price", $"A price must be 0 to {MaxUnitPrice}, in {currency} with at most {known.Decimals} decimals.");
        }

        return known.Round(unitPrice);
    }

    // Clients resolve path segments of one or two dots, so such a sku has no URL.
    [GeneratedRegex(@"^(?!\.{1,2}\z)[A-Za-z0-9._-]{1,64}\z")]
    private static partial Regex SkuPattern();
}

internal sealed record ProductListed(
    string Sku, int ProductVersion, string Name, decimal UnitPrice, string Currency, DateTimeOffset At) : DomainEvent(At);

internal sealed record ProductPriceChanged(string Sku, int ProductVersion, decimal UnitPrice, string Currency, DateTimeOffset At)
    : DomainEvent(At);

internal sealed record StockReceived(string Sku, int ProductVersion, int Quantity, int OnHand, DateTimeOffset At) : DomainEvent(At);

/// <summary>The units on hand were corrected.</summary>
/// <param name="Quantity">Units more, or less if negative; never 0.</param>
/// <param name="OrderId">The order that was shipped with units that the ledger did not have; null for a correction by staff.</param>
internal sealed record StockAdjusted(string Sku, int ProductVersion, int Quantity, string Reason, Guid? OrderId, DateTimeOffset At)
    : DomainEvent(At);

/// <summary>The units on hand fell to the threshold or below, or the threshold was raised to them.</summary>
internal sealed record StockLevelLow(string Sku, int ProductVersion, int OnHand, int Threshold, DateTimeOffset At) : DomainEvent(At);
