using System.Globalization;
using System.Text;
using System.Text.Json;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Units.Tests;

/// <summary>M7: an amount arrives as it was published, or the message is malformed.</summary>
public sealed class AmountTests
{
    private static readonly MessageReader s_reader = new(ShopEvents.Catalog);

    [Theory]
    [InlineData("0", "0")]
    [InlineData("-0.0", "0")]
    [InlineData("0e400", "0")]
    [InlineData("4.50", "4.50")]
    [InlineData("4.5e0", "4.5")]
    [InlineData("450E-2", "4.50")]
    [InlineData("1e28", "10000000000000000000000000000")]
    [InlineData("1e-28", "0.0000000000000000000000000001")]
    [InlineData("79228162514264337593543950335", "79228162514264337593543950335")]
    [InlineData("4.5000000000000000000000000000000000000000", "4.5")]
    public void A_number_that_a_decimal_holds_is_read_as_it_was_written(string written, string price) =>
        Assert.Equal(decimal.Parse(price, CultureInfo.InvariantCulture), PriceOf(written));

    [Theory]
    [InlineData("1e-400")]
    [InlineData("1e-29")]
    [InlineData("1e400")]
    [InlineData("1e-99999999999999999999")]
    [InlineData("79228162514264337593543950336")]
    [InlineData("0.00000000000000000000000000001")]
    [InlineData("4.50000000000000000000000000001")]
    [InlineData("1.2345678901234567890123456789012345")]
    public void A_number_that_would_be_rounded_is_malformed(string written)
    {
        var malformed = Assert.Throws<MalformedMessageException>(() => PriceOf(written));

        Assert.Contains("unitPrice", malformed.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"4.5\"")]
    [InlineData("null")]
    [InlineData("true")]
    public void An_amount_that_is_not_a_number_is_malformed(string written) =>
        Assert.Contains("unitPrice", Assert.Throws<MalformedMessageException>(() => PriceOf(written)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("4.5", true)]
    [InlineData("-0.0", true)]
    [InlineData("-12", true)]
    [InlineData("1200", true)]
    [InlineData("0.0012", true)]
    [InlineData("12E+2", true)]
    [InlineData("0E2147483647", true)]
    [InlineData("0E-2147483647", true)]
    [InlineData("0E2147483648", false)]
    [InlineData("0E-2147483648", false)]
    [InlineData("0E99999999999999999999", false)]
    [InlineData("1E400", false)]
    [InlineData("1E-29", false)]
    [InlineData("12.00000000000000000000000000001", false)]
    [InlineData("x", false)]
    [InlineData("", false)]
    public void A_number_is_exact_if_a_decimal_holds_every_digit(string written, bool exact) =>
        Assert.Equal(exact, ExactDecimal.IsExact(Encoding.ASCII.GetBytes(written)));

    [Fact]
    public void An_amount_is_written_with_its_scale()
    {
        var options = new JsonSerializerOptions { Converters = { new ExactDecimal() } };

        Assert.Equal("4.50", JsonSerializer.Serialize(4.50m, options));
        Assert.Throws<ArgumentNullException>("writer", () => new ExactDecimal().Write(null!, 1m, options));
    }

    /// <summary>A newer publisher may use a code that this build does not have; the consumer decides (Ordering rejects the order).</summary>
    [Fact]
    public void A_well_formed_currency_unknown_to_ISO_4217_is_read() => Assert.Equal(4.5m, PriceOf("4.5", "QQQ"));

    private static decimal PriceOf(string written, string currency = "EUR")
    {
        var id = Guid.CreateVersion7();
        var body = $$"""
            {"messageId":"{{id}}","messageType":["urn:message:inventory.product-listed.v1"],"message":{"eventId":"{{id}}",
             "occurredAt":"2026-11-28T10:00:00Z","sku":"TEA-1","productVersion":1,"name":"Tea","unitPrice":{{written}},"currency":"{{currency}}"} }
            """;
        return ((ProductListed)s_reader.Read(Encoding.UTF8.GetBytes(body)).Event).UnitPrice;
    }
}
