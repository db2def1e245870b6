namespace Shop.Ordering.Tests;

/// <summary>No input of any route is an error of the service.</summary>
public sealed class HostileRequestTests(OrderingService ordering, ITestOutputHelper output) : IClassFixture<OrderingService>
{
    [Fact]
    public async Task No_input_of_any_route_gives_a_500_and_every_error_is_a_problem()
    {
        var hostile = await HostileRequests.SendAllAsync(ordering.Client, await KnownAsync());

        output.WriteLine($"{hostile.Sent} hostile requests to Ordering");
        Assert.Empty(hostile.Failures);
        Assert.True(hostile.Sent > 500, $"only {hostile.Sent} requests were sent");
    }

    [Fact]
    public async Task Every_POST_with_an_idempotency_key_is_executed_once_and_replayed() =>
        Assert.NotEmpty(await RepeatedPosts.SendAllAsync(ordering.AsStaff(), await KnownAsync()));

    [Theory]
    [InlineData("retry", "")]
    [InlineData("discard", """{"reason":"because"}""")]
    public async Task A_dead_letter_is_moved_once_per_key_and_the_response_is_replayed(string what, string body)
    {
        var id = Guid.CreateVersion7();
        await ordering.Broker.PublishAsync("ordering.stock-reserved.dead", "", "no event"u8.ToArray(), new { message_id = id.ToString(), delivery_mode = 2 });
        var path = $"/dead-letters/ordering.stock-reserved/{id}/{what}";

        var first = await OrderingService.SendAsync(ordering.AsStaff(), path, body, key: $"key-{id}");
        var again = await OrderingService.SendAsync(ordering.AsStaff(), path, body, key: $"key-{id}");

        Assert.Equal((System.Net.HttpStatusCode.OK, 1), (first.Status, first.Body.GetProperty("count").GetInt32()));
        Assert.Equal((first.Status, first.Body.GetRawText()), (again.Status, again.Body.GetRawText()));
    }

    private async Task<Dictionary<string, string>> KnownAsync()
    {
        var sku = await ordering.ListedAsync();
        return new Dictionary<string, string>
        {
            ["id"] = (await ordering.PlaceAsync("ada", sku)).GetProperty("id").GetString()!,
            ["sku"] = sku,
            ["channel"] = "web",
            ["queue"] = "ordering.stock-reserved",
            ["seq"] = "4711",
        };
    }
}
