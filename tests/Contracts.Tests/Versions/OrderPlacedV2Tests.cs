using System.Text.Json;
using Shop.Messaging;
using Old = Shop.Contracts.Ordering.V1.OrderPlaced;
using Step = Shop.Contracts.Ordering.V2.OrderPlacedStep;

namespace Shop.Contracts.Tests.Versions;

public sealed class OrderPlacedV2Tests
{
    public static TheoryData<string> Recorded => [.. ShopEvents.Catalog.ExamplesOf("ordering.order-placed.v1")];

    [Theory]
    [MemberData(nameof(Recorded))]
    public void What_was_recorded_of_the_old_version_survives_the_way_up_and_down(string message)
    {
        var old = JsonSerializer.Deserialize<Old>(message, EventJson.Options)!;

        Assert.Equivalent(old, Step.Down(Step.Up(old)), strict: true);
    }

    [Fact]
    public void Every_amount_gets_the_currency_of_the_order()
    {
        var old = JsonSerializer.Deserialize<Old>(ShopEvents.Catalog.ExamplesOf("ordering.order-placed.v1")[0], EventJson.Options)!;

        var placed = Step.Up(old);

        Assert.Equal((new Money(old.Total, old.Currency), new Money(old.Discount, old.Currency), null), (placed.Total, placed.Discount, placed.Channel));
        Assert.All(placed.Lines, line => Assert.Equal(old.Currency, line.UnitPrice.Currency));
    }
}
