using System.Globalization;
using System.Text;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Tests;

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
