using System.Text;
using Npgsql;

namespace Shop.Testing.Tests;

public sealed class TestServersTests
{
    [Fact]
    public async Task Each_database_is_empty_owned_by_its_login_and_closed_to_others()
    {
        await using var one = await TestServers.CreateDatabaseAsync("one");
        await using var other = await TestServers.CreateDatabaseAsync("other");

        await one.ExecuteAsync("CREATE TABLE things (id int)");

        Assert.Equal(0L, await other.ScalarAsync<long>("SELECT count(*) FROM pg_tables WHERE tablename = 'things'"));
        var trespass = new NpgsqlConnectionStringBuilder(one.ConnectionString) { Database = other.Name, Pooling = false }.ConnectionString;
        await using var connection = new NpgsqlConnection(trespass);
        var refused = await Assert.ThrowsAsync<PostgresException>(() => connection.OpenAsync());
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
    }

    [Fact]
    public async Task Lost_sessions_are_detected_and_replaced()
    {
        await using var database = await TestServers.CreateDatabaseAsync();
        await using var connection = new NpgsqlConnection(database.ConnectionString);
        await connection.OpenAsync();

        await database.CloseConnectionsAsync();

        await using var command = new NpgsqlCommand("SELECT 1", connection);
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => command.ExecuteScalarAsync());
        await Eventually.HoldsAsync("a new session opens", async () => await database.ScalarAsync<int>("SELECT 1") == 1);
    }

    [Fact]
    public async Task A_published_message_is_counted_shown_and_purged()
    {
        await using var host = await TestServers.CreateVirtualHostAsync();
        await host.DeclareExchangeAsync("ordering.order-placed.v1");
        await host.DeclareQueueAsync("inventory.order-placed", new Dictionary<string, object> { ["x-delivery-limit"] = 5 });

        Assert.False(await host.PublishAsync("ordering.order-placed.v1", "", "lost"u8.ToArray()));
        await host.BindAsync("ordering.order-placed.v1", "inventory.order-placed");
        var properties = new { content_type = "text/plain", delivery_mode = 2, headers = new { why = "test" } };
        Assert.True(await host.PublishAsync("ordering.order-placed.v1", "", new byte[] { 0xC3, 0x28, 0x00 }, properties));

        Assert.Equal(1, await host.CountReadyAsync("inventory.order-placed"));
        var message = Assert.Single(await host.PeekAsync("inventory.order-placed"));
        Assert.Equal(new byte[] { 0xC3, 0x28, 0x00 }, message.Body.ToArray());
        Assert.Equal(("test", "ordering.order-placed.v1"), (message.Header("why"), message.Exchange));
        Assert.Equal(["ordering.order-placed.v1"], await host.BindingsOfAsync("inventory.order-placed"));
        var state = await Eventually.IsAsync(
            "the statistics show the message", () => host.QueueAsync("inventory.order-placed"), queue => queue?.Ready == 1);
        Assert.Equal(("quorum", "5"), (state!.Arguments["x-queue-type"], state.Arguments["x-delivery-limit"]));

        await host.PurgeAsync("inventory.order-placed");
        Assert.Equal(0, await host.CountReadyAsync("inventory.order-placed"));
    }

    [Fact]
    public async Task A_user_has_only_its_permissions_and_its_connections_can_be_closed()
    {
        await using var host = await TestServers.CreateVirtualHostAsync();
        var uri = await host.CreateUserAsync("inventory", @"^inventory\..*$", @"^inventory\..*$", "^$");
        var factory = new RabbitMQ.Client.ConnectionFactory { Uri = uri, AutomaticRecoveryEnabled = false };
        await using var connection = await factory.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync();

        await RabbitMQ.Client.IChannelExtensions.ExchangeDeclareAsync(channel, "inventory.stock-reserved.v1", "fanout", durable: true);
        var refused = await Assert.ThrowsAsync<RabbitMQ.Client.Exceptions.OperationInterruptedException>(
            () => RabbitMQ.Client.IChannelExtensions.ExchangeDeclareAsync(channel, "ordering.order-placed.v1", "fanout", durable: true));
        Assert.Contains("ACCESS_REFUSED", refused.Message, StringComparison.Ordinal);

        await Eventually.HoldsAsync("the connection is listed and closed", async () => await host.CloseConnectionsAsync() > 0);
        await Eventually.HoldsAsync("the client notices", () => !connection.IsOpen);
    }

    [Fact]
    public async Task A_condition_that_never_holds_fails_with_its_description_and_the_last_state()
    {
        var failed = await Assert.ThrowsAsync<TimeoutException>(() => Eventually.IsAsync(
            "the order is confirmed", () => Task.FromResult("placed"), state => state == "confirmed", TimeSpan.FromMilliseconds(50)));

        Assert.Equal("Did not come true within 0.1 s: the order is confirmed. Last state: placed", failed.Message);
    }

    [Fact]
    public void A_token_has_three_parts_and_its_subject()
    {
        var parts = TestTokens.Staff("grace").Split('.');

        var claims = Encoding.UTF8.GetString(System.Buffers.Text.Base64Url.DecodeFromChars(parts[1]));
        Assert.Equal(3, parts.Length);
        Assert.Contains("\"sub\":\"grace\"", claims, StringComparison.Ordinal);
        Assert.Contains("\"role\":\"staff\"", claims, StringComparison.Ordinal);
    }
}
