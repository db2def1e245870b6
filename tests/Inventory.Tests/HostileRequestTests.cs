namespace Shop.Inventory.Tests;

/// <summary>No input of any route is an error of the service.</summary>
[Collection(InventoryService.Name)]
public sealed class HostileRequestTests(InventoryService inventory, ITestOutputHelper output)
{
    private static readonly Dictionary<string, string> s_known = new()
    {
        ["sku"] = "HOSTILE-1",
        ["currency"] = "EUR",
        ["unitPrice"] = "1.5",
        ["queue"] = "inventory.order-placed",
        ["seq"] = "4711",
    };

    [Fact]
    public async Task No_input_of_any_route_gives_a_500_and_every_error_is_a_problem()
    {
        var hostile = await HostileRequests.SendAllAsync(inventory.Client, s_known);

        output.WriteLine($"{hostile.Sent} hostile requests to Inventory");
        Assert.Empty(hostile.Failures);
        Assert.True(hostile.Sent > 500, $"only {hostile.Sent} requests were sent");
    }

    [Fact]
    public async Task Every_POST_with_an_idempotency_key_is_executed_once_and_replayed() =>
        Assert.NotEmpty(await RepeatedPosts.SendAllAsync(inventory.Client(TestTokens.Staff()), s_known));
}
