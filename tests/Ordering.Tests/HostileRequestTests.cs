namespace Shop.Ordering.Tests;

/// <summary>No input of any route is an error of the service.</summary>
public sealed class HostileRequestTests(OrderingService ordering, ITestOutputHelper output) : IClassFixture<OrderingService>
{
    [Fact]
    public async Task No_input_of_any_route_gives_a_500_and_every_refusal_is_a_problem()
    {
        var sku = await ordering.ListedAsync();
        var order = (await ordering.PlaceAsync("ada", sku)).GetProperty("id").GetString()!;

        var hostile = await HostileRequests.SendAllAsync(ordering.Client, new Dictionary<string, string>
        {
            ["id"] = order,
            ["sku"] = sku,
            ["channel"] = "web",
            ["queue"] = "ordering.stock-reserved",
        });

        output.WriteLine($"{hostile.Sent} hostile requests to Ordering");
        Assert.Empty(hostile.Failures);
        Assert.True(hostile.Sent > 500, $"only {hostile.Sent} requests were sent");
    }
}
