namespace Shop.Notification.Tests;

/// <summary>No input of any route is an error of the service.</summary>
public sealed class HostileRequestTests(NotificationFixture shop, ITestOutputHelper output) : IClassFixture<NotificationFixture>
{
    private static readonly Dictionary<string, string> s_known = new()
    {
        ["id"] = Guid.CreateVersion7().ToString(),
        ["email"] = "ada@example.com",
        ["webhookUrl"] = "https://hooks.example.com",
        ["queue"] = NotificationFixture.Queue,
        ["seq"] = "4711",
    };

    [Fact]
    public async Task No_input_of_any_route_gives_a_500_and_every_error_is_a_problem()
    {
        var hostile = await HostileRequests.SendAllAsync(shop.Client, s_known);

        output.WriteLine($"{hostile.Sent} hostile requests to Notification");
        Assert.Empty(hostile.Failures);
        Assert.True(hostile.Sent > 500, $"only {hostile.Sent} requests were sent");
    }

    [Fact]
    public async Task Every_POST_with_an_idempotency_key_is_executed_once_and_replayed() =>
        Assert.NotEmpty(await RepeatedPosts.SendAllAsync(shop.Client(TestTokens.Staff()), s_known));
}
