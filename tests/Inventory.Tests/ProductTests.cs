using Shop.Inventory.Domain;
using Shop.ServiceDefaults.Domain;

namespace Shop.Inventory.Tests;

public sealed class ProductTests
{
    private static readonly DateTimeOffset s_now = new(2026, 11, 22, 9, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Listing_a_product_says_so_at_version_1()
    {
        var product = Product.List("TEA-1", "Tea", 4.5m, "EUR", s_now);

        var listed = Assert.IsType<ProductListed>(Assert.Single(product.TakeEvents()));
        Assert.Equal(("TEA-1", 1, "Tea", 4.50m, "EUR", s_now),
            (listed.Sku, listed.ProductVersion, listed.Name, listed.UnitPrice, listed.Currency, listed.At));
        Assert.Equal((0, 0, 0L), (product.OnHand, product.Reserved, product.Shipped));
    }

    [Fact]
    public void Another_name_lists_it_again_and_carries_the_new_price()
    {
        var product = Listed();

        product.Offer("Green tea", 5m, "EUR", s_now);

        var listed = Assert.IsType<ProductListed>(Assert.Single(product.TakeEvents()));
        Assert.Equal((2, "Green tea", 5m), (listed.ProductVersion, listed.Name, listed.UnitPrice));
    }

    [Theory]
    [InlineData(5, "EUR")]
    [InlineData(4.5, "USD")]
    public void Another_price_or_currency_alone_changes_the_price(decimal unitPrice, string currency)
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
    public void Receiving_puts_units_on_the_shelf()
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
    public void A_receipt_of_no_or_absurdly_many_units_is_refused(int quantity) =>
        Assert.Equal("receipt-quantity", Assert.Throws<DomainException>(() => Listed().Receive(quantity, s_now)).Code);

    [Fact]
    public void The_warehouse_has_an_end()
    {
        var product = Listed();
        for (var i = 0; i < Product.MaxStock / Product.MaxReceipt; i++)
        {
            product.Receive(Product.MaxReceipt, s_now);
        }

        Assert.Equal("too-much-stock", Assert.Throws<DomainException>(() => product.Receive(1, s_now)).Code);
        Assert.Equal(Product.MaxStock, product.OnHand);
    }

    [Theory]
    [InlineData("A")]
    [InlineData("tea.green_1-kg")]
    [InlineData("...")]
    public void These_are_skus(string sku) => Assert.True(Product.IsSku(sku));

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("TEA 1")]
    [InlineData("TEA/1")]
    [InlineData("TEA\n")]
    [InlineData("THÉ")]
    [InlineData("12345678901234567890123456789012345678901234567890123456789012345")]
    public void These_are_no_skus(string sku)
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
    public void A_bad_offer_is_refused_and_changes_nothing(string name, decimal unitPrice, string currency, string code)
    {
        var product = Listed();

        Assert.Equal(code, Assert.Throws<DomainException>(() => Product.List("TEA-2", name, unitPrice, currency, s_now)).Code);
        Assert.Equal(code, Assert.Throws<DomainException>(() => product.Offer(name, unitPrice, currency, s_now)).Code);
        Assert.Equal(("Tea", 4.5m, "EUR", 1), (product.Name, product.UnitPrice, product.Currency, product.Version));
    }

    private static Product Listed()
    {
        var product = Product.List("TEA-1", "Tea", 4.5m, "EUR", s_now);
        product.TakeEvents();
        return product;
    }
}
