using System.Globalization;
using Shop.Messaging.DomainEvents;
using Shop.Ordering.Domain;
using Shop.ServiceDefaults.Domain;

namespace Shop.Ordering.Tests;

/// <summary>The rules of an order, without a database.</summary>
public sealed class OrderTests
{
    private static readonly DateTimeOffset s_now = new(2026, 11, 22, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Placing_an_order_records_it_and_each_of_its_lines()
    {
        var order = Order.Place("ada", [Tea(2), Cup(1)], 0, s_now);

        var events = order.TakeEvents();
        var placed = Assert.IsType<OrderPlaced>(events[0]);
        Assert.Equal((order.Id, 1, "ada", 11.50m, s_now), (placed.OrderId, placed.OrderVersion, placed.CustomerId, placed.Total, placed.At));
        Assert.Equal(["TEA-1", "CUP-1"], events.OfType<OrderLineAdded>().Select(line => line.Sku));
        var moved = Assert.IsType<OrderStatusChanged>(events[^1]);
        Assert.Equal((1, null, OrderStatus.Placed, new Cause(CauseKind.Customer, "ada")), (moved.OrderVersion, moved.From, moved.To, moved.Cause));
    }

    [Theory]
    [InlineData(0, 11.50, 0)]
    [InlineData(5, 10.92, 0.58)]
    [InlineData(100, 0, 11.50)]
    public void A_discount_is_rounded_to_cents_and_subtracted_from_the_sum(decimal percent, decimal total, decimal discount)
    {
        var order = Order.Place("ada", [Tea(2), Cup(1)], percent, s_now);

        Assert.Equal((total, discount), (order.Total, order.Discount));
    }

    [Theory]
    [InlineData("JPY", "101", 1, "96", "5")]
    [InlineData("JPY", "101", 3, "288", "15")]
    [InlineData("KWD", "1.234", 1, "1.172", "0.062")]
    [InlineData("UYW", "1.2345", 1, "1.1728", "0.0617")]
    [InlineData("EUR", "0.01", 1, "0.01", "0.00")]
    [InlineData("EUR", "0.10", 3, "0.28", "0.02")]
    public void A_total_fits_its_currencys_minor_unit(string currency, string price, int quantity, string total, string discount)
    {
        var order = Order.Place("ada", [new OrderLine("TEA-1", "Tea", quantity, decimal.Parse(price, CultureInfo.InvariantCulture), currency)], 5, s_now);

        Assert.Equal((total, discount), (order.Total.ToString(CultureInfo.InvariantCulture), order.Discount.ToString(CultureInfo.InvariantCulture)));
    }

    [Theory]
    [InlineData(33.35, 100, 0.05)]
    [InlineData(33.65, 100, 0.95)]
    public void A_price_with_too_many_decimals_still_gives_a_total_in_the_minor_unit(decimal price, decimal total, decimal discount)
    {
        var order = Order.Place("ada", [new OrderLine("TEA-1", "Tea", 3, price, "JPY")], 0, s_now);

        Assert.Equal((total, discount), (order.Total, order.Discount));
    }

    [Fact]
    public void An_order_in_an_unsupported_currency_is_rejected() => Refused("invalid-currency", Tea(1) with { Currency = "QQQ" });

    [Theory]
    [InlineData("79228162514264337593543950335")]
    [InlineData("100000000.01")]
    [InlineData("-0.01")]
    [InlineData("0.00001")]
    public void An_invalid_price_is_rejected_before_an_order_is_placed_at_it(string price) =>
        Assert.Equal("malformed-price", Assert.Throws<DomainException>(
            () => Product.Unnamed("TEA-1").Reprice(decimal.Parse(price, CultureInfo.InvariantCulture), "EUR", 1)).Code);

    [Fact]
    public void The_largest_possible_order_has_a_total() => Assert.Equal(10_000_000_000_000m, Order.Place("ada",
        [.. Enumerable.Range(0, Order.MaxLines).Select(i => new OrderLine($"SKU-{i}", "x", Order.MaxQuantity, Product.MaxUnitPrice, "EUR"))], 0, s_now).Total);

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(1001)]
    [InlineData(int.MaxValue)]
    public void An_invalid_quantity_is_rejected(int quantity) => Refused("order-quantity", Tea(quantity));

    [Fact]
    public void An_order_without_lines_is_rejected() => Refused("order-size");

    [Fact]
    public void An_order_of_more_than_a_hundred_lines_is_rejected() =>
        Refused("order-size", [.. Enumerable.Range(0, 101).Select(i => new OrderLine($"SKU-{i}", "x", 1, 1, "EUR"))]);

    [Fact]
    public void A_duplicate_sku_is_rejected() => Refused("duplicate-sku", Tea(1), Tea(2));

    [Fact]
    public void Two_currencies_in_one_order_are_rejected() => Refused("mixed-currencies", Tea(1), Cup(1) with { Currency = "USD" });

    [Fact]
    public void A_customer_becomes_preferred_once()
    {
        var customer = Customer.New("ada");
        for (var i = 0; i < Customer.OrdersToBecomePreferred + 5; i++)
        {
            customer.CountConfirmedOrder(s_now.AddDays(i));
        }

        var became = Assert.IsType<CustomerBecamePreferred>(Assert.Single(customer.TakeEvents()));
        Assert.Equal(s_now.AddDays(Customer.OrdersToBecomePreferred - 1), became.At);
        Assert.Equal(Customer.PreferredDiscountPercent, customer.DiscountPercent);
    }

    [Fact]
    public void A_late_price_is_ignored_and_the_name_may_arrive_after_the_price()
    {
        var product = Product.Unnamed("TEA-1");
        product.Reprice(3, "EUR", version: 2);
        product.Rename("Tea", version: 1);
        product.Reprice(1, "EUR", version: 1);

        Assert.Equal(("Tea", 3m), (product.Name, product.UnitPrice));
    }

    private static OrderLine Tea(int quantity) => new("TEA-1", "Tea", quantity, 4.00m, "EUR");

    private static OrderLine Cup(int quantity) => new("CUP-1", "Cup", quantity, 3.50m, "EUR");

    private static void Refused(string code, params OrderLine[] lines) =>
        Assert.Equal(code, Assert.Throws<DomainException>(() => Order.Place("ada", lines, 0, s_now)).Code);
}
