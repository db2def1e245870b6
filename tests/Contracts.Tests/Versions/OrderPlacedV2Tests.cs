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
    public void Recorded_messages_of_the_old_version_survive_upcast_and_downcast(string message)
    {
        var old = JsonSerializer.Deserialize<Old>(message, EventJson.Options)!;

        Assert.Equivalent(old, Step.Down(Step.Up(old)), strict: true);
    }

    [Fact]
    public void Every_amount_has_the_currency_of_the_order()
    {
        var old = JsonSerializer.Deserialize<Old>(ShopEvents.Catalog.ExamplesOf("ordering.order-placed.v1")[0], EventJson.Options)!;

        var placed = Step.Up(old);

        Assert.Equal((new Money(old.Total, old.Currency), new Money(old.Discount, old.Currency), null), (placed.Total, placed.Discount, placed.Channel));
        Assert.All(placed.Lines, line => Assert.Equal(old.Currency, line.UnitPrice.Currency));
    }
}
