using System.Globalization;
using Shop.Inventory.Domain;
using Shop.Messaging.DomainEvents;
using Shop.ServiceDefaults.Domain;

namespace Shop.Inventory.Tests;

public sealed class ProductTests
{
    private static readonly DateTimeOffset s_now = new(2026, 11, 22, 9, 0, 0, TimeSpan.Zero);
    private static readonly Guid s_order = Guid.CreateVersion7(s_now);

    [Fact]
    public void Listing_a_product_raises_ProductListed_at_version_1()
    {
        var product = Product.List("TEA-1", "Tea", 4.5m, "EUR", s_now);

        var listed = Assert.IsType<ProductListed>(Assert.Single(product.TakeEvents()));
        Assert.Equal(("TEA-1", 1, "Tea", 4.50m, "EUR", s_now),
            (listed.Sku, listed.ProductVersion, listed.Name, listed.UnitPrice, listed.Currency, listed.At));
        Assert.Equal((0, 0, 0L), (product.OnHand, product.Reserved, product.Shipped));
    }

    [Fact]
    public void A_new_name_lists_the_product_again_with_the_new_price()
    {
        var product = Listed();

        product.Offer("Green tea", 5m, "EUR", s_now);

        var listed = Assert.IsType<ProductListed>(Assert.Single(product.TakeEvents()));
        Assert.Equal((2, "Green tea", 5m), (listed.ProductVersion, listed.Name, listed.UnitPrice));
    }

    [Theory]
    [InlineData(5, "EUR")]
    [InlineData(4.5, "USD")]
    public void A_new_price_or_currency_changes_only_the_price(decimal unitPrice, string currency)
    {
        var product = Listed();

        product.Offer("Tea", unitPrice, currency, s_now);

        var changed = Assert.IsType<ProductPriceChanged>(Assert.Single(product.TakeEvents()));
        Assert.Equal((2, unitPrice, currency), (changed.ProductVersion, changed.UnitPrice, changed.Currency));
    }

    [Fact]
    public void The_same_offer_again_is_no_change()
    {
        var product = Listed();

        product.Offer("Tea", 4.50m, "EUR", s_now);

        Assert.False(product.HasEvents);
        Assert.Equal(1, product.Version);
    }

    [Fact]
    public void Receiving_adds_units_on_hand()
    {
        var product = Listed();

        product.Receive(10, s_now);
        product.Receive(5, s_now);

        Assert.Equal((15, 3), (product.OnHand, product.Version));
        Assert.Equal([(2, 10, 10), (3, 5, 15)],
            product.TakeEvents().Cast<StockReceived>().Select(e => (e.ProductVersion, e.Quantity, e.OnHand)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(1_000_001)]
    [InlineData(int.MaxValue)]
    public void A_receipt_of_zero_or_too_many_units_is_rejected(int quantity) =>
        Assert.Equal("receipt-quantity", Assert.Throws<DomainException>(() => Listed().Receive(quantity, s_now)).Code);

    [Fact]
    public void Stock_is_limited()
    {
        var product = Listed();
        for (var i = 0; i < Product.MaxStock / Product.MaxReceipt; i++)
        {
            product.Receive(Product.MaxReceipt, s_now);
        }

        Assert.Equal("too-much-stock", Assert.Throws<DomainException>(() => product.Receive(1, s_now)).Code);
        Assert.Equal(Product.MaxStock, product.OnHand);
    }

    [Fact]
    public void An_adjustment_changes_the_units_on_hand_and_is_not_a_receipt()
    {
        var product = Stocked(10);

        product.Adjust(-4, "broken", s_now);
        product.Adjust(1, "found", s_now);

        Assert.Equal((7, 4), (product.OnHand, product.Version));
        Assert.Equal([(3, -4, "broken"), (4, 1, "found")],
            product.TakeEvents().Cast<StockAdjusted>().Select(e => (e.ProductVersion, e.Quantity, e.Reason)));
    }

    [Theory]
    [InlineData(0, "why not", "adjustment-quantity")]
    [InlineData(1_000_001, "too many", "adjustment-quantity")]
    [InlineData(int.MinValue, "too few", "adjustment-quantity")]
    [InlineData(-11, "more than there is", "not-enough-stock")]
    [InlineData(1, "", "invalid-reason")]
    [InlineData(1, " \u00a0", "invalid-reason")]
    [InlineData(1, "one\ntwo", "invalid-reason")]
    public void An_invalid_adjustment_is_rejected_and_changes_nothing(int quantity, string reason, string code)
    {
        var product = Stocked(10);

        var refused = Assert.Throws<DomainException>(() => product.Adjust(quantity, reason, s_now));

        Assert.Equal((code, code == "not-enough-stock"), (refused.Code, refused.Conflict));
        Assert.Equal((10, 2, false), (product.OnHand, product.Version, product.HasEvents));
    }

    [Fact]
    public void An_adjustment_is_limited_in_stock_and_reason()
    {
        var product = Listed();
        for (var i = 0; i < Product.MaxStock / Product.MaxReceipt; i++)
        {
            product.Receive(Product.MaxReceipt, s_now);
        }

        Assert.Equal("too-much-stock", Assert.Throws<DomainException>(() => product.Adjust(1, "found", s_now)).Code);
        product.Adjust(-1, new string('x', Product.MaxReasonLength), s_now);
        Assert.Equal("invalid-reason",
            Assert.Throws<DomainException>(() => product.Adjust(1, new string('x', Product.MaxReasonLength + 1), s_now)).Code);
    }

    [Fact]
    public void Low_stock_is_published_once_until_it_recovers()
    {
        var product = Stocked(10);
        product.WatchStock(5, s_now);

        int[] changes = [-4, -1, -1, -3, 1, 4, -2];
        var low = changes.Select(change =>
        {
            product.Adjust(change, "count", s_now);
            return product.TakeEvents().OfType<StockLevelLow>().Select(e => (int?)e.OnHand).SingleOrDefault();
        });

        // 6, 5 (low), 4, 1, 2, 6, 4 (low again)
        Assert.Equal([null, 5, null, null, null, null, 4], low);
    }

    [Theory]
    [InlineData(null, 9, false)]
    [InlineData(null, 10, true)]
    [InlineData(null, 11, true)]
    [InlineData(9, 11, true)]
    [InlineData(10, 20, false)]
    [InlineData(20, 10, false)]
    [InlineData(20, null, false)]
    public void A_threshold_that_makes_the_stock_low_counts_as_a_crossing(int? before, int? after, bool low)
    {
        var product = Stocked(10);
        product.WatchStock(before, s_now);
        product.TakeEvents();

        product.WatchStock(after, s_now);

        Assert.Equal(low, product.TakeEvents().OfType<StockLevelLow>().Any(e => (e.OnHand, e.Threshold) == (10, after)));
        Assert.Equal(after, product.LowStockThreshold);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(Product.MaxStock + 1)]
    public void A_threshold_out_of_range_is_rejected(int threshold) => Assert.Equal("low-stock-threshold",
        Assert.Throws<DomainException>(() => Listed().WatchStock(threshold, s_now)).Code);

    [Fact]
    public void The_same_threshold_again_is_no_change()
    {
        var product = Stocked(10);
        product.WatchStock(5, s_now);

        product.WatchStock(5, s_now);

        Assert.Equal(3, product.Version);
    }

    [Fact]
    public void A_late_shipment_is_booked_from_the_units_on_hand_and_missing_units_are_booked_in_first()
    {
        var product = Stocked(5);
        product.WatchStock(3, s_now);
        product.TakeEvents();

        product.ShipFromShelf(s_order, 2, s_now);

        Assert.Equal((3, 2L), (product.OnHand, product.Shipped));
        Assert.IsType<StockLevelLow>(Assert.Single(product.TakeEvents()));

        product.ShipFromShelf(s_order, 4, s_now);

        Assert.Equal((0, 6L), (product.OnHand, product.Shipped));
        var adjusted = Assert.IsType<StockAdjusted>(Assert.Single(product.TakeEvents()));
        Assert.Equal((1, s_order, Product.FoundForLateShipment), (adjusted.Quantity, adjusted.OrderId!.Value, adjusted.Reason));
    }

    [Theory]
    [InlineData("A")]
    [InlineData("tea.green_1-kg")]
    [InlineData("...")]
    public void Valid_skus(string sku) => Assert.True(Product.IsSku(sku));

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("TEA 1")]
    [InlineData("TEA/1")]
    [InlineData("TEA\n")]
    [InlineData("THÉ")]
    [InlineData("12345678901234567890123456789012345678901234567890123456789012345")]
    public void Invalid_skus(string sku)
    {
        Assert.False(Product.IsSku(sku));
        Assert.Equal("invalid-sku", Assert.Throws<DomainException>(() => Product.List(sku, "Tea", 1, "EUR", s_now)).Code);
    }

    [Theory]
    [InlineData("", 1, "EUR", "invalid-name")]
    [InlineData("  ", 1, "EUR", "invalid-name")]
    [InlineData("Te\0a", 1, "EUR", "invalid-name")]
    [InlineData("Tea", -0.01, "EUR", "invalid-price")]
    [InlineData("Tea", 0.001, "EUR", "invalid-price")]
    [InlineData("Tea", 100_000_000.01, "EUR", "invalid-price")]
    [InlineData("Tea", 1, "eur", "invalid-currency")]
    [InlineData("Tea", 1, "EURO", "invalid-currency")]
    [InlineData("Tea", 1, "EU\n", "invalid-currency")]
    [InlineData("Tea", 1, "QQQ", "invalid-currency")]
    [InlineData("Tea", 1, "XXX", "invalid-currency")]
    [InlineData("Tea", 1, "XAU", "invalid-currency")]
    [InlineData("Tea", 1, "DEM", "invalid-currency")]
    [InlineData("Tea", 100.5, "JPY", "invalid-price")]
    [InlineData("Tea", 1.2345, "KWD", "invalid-price")]
    [InlineData("Tea", 1.00001, "UYW", "invalid-price")]
    public void An_invalid_offer_is_rejected_and_changes_nothing(string name, decimal unitPrice, string currency, string code)
    {
        var product = Listed();

        Assert.Equal(code, Assert.Throws<DomainException>(() => Product.List("TEA-2", name, unitPrice, currency, s_now)).Code);
        Assert.Equal(code, Assert.Throws<DomainException>(() => product.Offer(name, unitPrice, currency, s_now)).Code);
        Assert.Equal(("Tea", 4.5m, "EUR", 1), (product.Name, product.UnitPrice, product.Currency, product.Version));
    }

    [Theory]
    [InlineData("1.234", "KWD", "1.234")]
    [InlineData("1.5", "KWD", "1.500")]
    [InlineData("101", "JPY", "101")]
    [InlineData("101.00", "JPY", "101")]
    [InlineData("4.5", "EUR", "4.50")]
    [InlineData("0.0001", "UYW", "0.0001")]
    public void A_price_has_the_decimals_of_its_currency(string price, string currency, string kept) => Assert.Equal(kept,
        Product.List("TEA-2", "Tea", decimal.Parse(price, CultureInfo.InvariantCulture), currency, s_now).UnitPrice.ToString(CultureInfo.InvariantCulture));

    [Fact]
    public void The_currencies_are_those_of_ISO_4217_that_have_a_minor_unit()
    {
        Assert.Equal(167, Iso4217.All.Count());
        Assert.All(Iso4217.All, currency => Assert.Matches("^[A-Z]{3}$", currency.Code));
        Assert.Equal([0, 2, 3, 4], Iso4217.All.Select(currency => currency.Decimals).Distinct().Order());
        Assert.Equal(["CLF", "UYW"], Iso4217.All.Where(currency => currency.Decimals == 4).Select(currency => currency.Code).Order());
    }

    private static Product Stocked(int quantity)
    {
        var product = Listed();
        product.Receive(quantity, s_now);
        product.TakeEvents();
        return product;
    }

    private static Product Listed()
    {
        var product = Product.List("TEA-1", "Tea", 4.5m, "EUR", s_now);
        product.TakeEvents();
        return product;
    }
}
