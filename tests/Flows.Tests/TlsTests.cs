using System.Net;
using System.Security.Authentication;
using Npgsql;
using Shop.Contracts.Inventory.V1;
using Shop.Contracts.Ordering.V1;
using Shop.Ordering.Features.PlaceOrder;

namespace Shop.Flows.Tests;

/// <summary>TLS to both servers, as production's manifests have it: a file with the database's authority, SSL_CERT_FILE with the broker's.</summary>
public sealed class TlsTests(TlsTests.Servers servers) : IClassFixture<TlsTests.Servers>
{
    [Fact]
    public async Task A_service_migrates_consumes_and_publishes_over_TLS_only()
    {
        await using var broker = await TestServers.CreateVirtualHostAsync("tls");
        await broker.LoadTopologyAsync("nobody");
        await broker.LoadTopologyAsync("ordering");
        await using var wire = await EventWire.ConnectAsync(broker, "ordering.");
        await using var database = await servers.Tls.CreateDatabaseAsync();
        var settings = Settings(database.ConnectionString, servers.Tls.Encrypted(broker.UriOf("ordering")));
        settings["Database:RuntimeRole"] = database.RuntimeRole;
        await ServiceInstance.MigrateAsync<PlaceOrderRequest>(settings);
        settings["ConnectionStrings:Database"] = database.RuntimeConnectionString;
        await using var ordering = await ServiceProcess.StartAsync<PlaceOrderRequest>(settings);

        var now = TimeProvider.System.GetUtcNow();
        await wire.PublishAsync(new ProductListed(Guid.CreateVersion7(now), now, "TLS-1", 1, "Tea", 4, "EUR"));
        using var alice = ordering.Client(TestTokens.Customer("alice"));
        var placed = await Eventually.IsAsync(
            "the product is known and an order for it placed",
            () => alice.SendAsync(HttpMethod.Post, "/orders", new { lines = new[] { new { sku = "TLS-1", quantity = 1 } } }),
            answer => answer.Status == HttpStatusCode.Created);
        await wire.ReceiveAsync<OrderPlaced>("the order's event", order => order.OrderId == placed.Id);

        var connections = await Eventually.IsAsync(
            "the broker shows the connections of consumers and relay",
            () => servers.Tls.ConnectionsAsync(broker, "ordering"),
            some => some.Count > 1);
        Assert.All(connections, connection => Assert.True(connection.Encrypted, $"{connection.Name} is not encrypted"));
        Assert.Equal("0 of them plain", await database.ScalarAsync<string>(
            $"SELECT count(*) FILTER (WHERE NOT ssl) || ' of them plain' FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = '{database.RuntimeRole}'"));
        Assert.Equal(0, await ordering.StopAsync());
    }

    [Theory]
    [InlineData("localhost", false)] // another authority than the one that signed
    [InlineData("127.0.0.1", true)] // the right one, for another name
    public async Task A_broker_with_an_invalid_certificate_is_not_used_and_the_reason_is_logged(string host, bool isTrusted)
    {
        await using var broker = await TestServers.CreateVirtualHostAsync("tls");
        await broker.LoadTopologyAsync("ordering");
        await using var database = await MigratedDatabases.CreateAsync<PlaceOrderRequest>();
        var settings = Settings(database.RuntimeConnectionString, servers.Tls.Encrypted(broker.UriOf("ordering"), host));
        settings["SSL_CERT_FILE"] = isTrusted ? servers.Tls.Authority : servers.Tls.OtherAuthority;
        settings["Logging:LogLevel:Default"] = "Warning";

        await using var ordering = await ServiceProcess.StartAsync<PlaceOrderRequest>(settings, "/health/live");

        await Eventually.IsAsync(
            "the relay has logged the reason several times",
            () => Task.FromResult(ordering.Output.Split('\n').Count(line =>
                line.Contains("Relay cannot connect to the database or the broker", StringComparison.Ordinal)
                && line.Contains("certificate was rejected", StringComparison.Ordinal))),
            times => times >= 3);
        using var anyone = ordering.Client();
        var health = await anyone.GetStringAsync("/health/ready");
        Assert.Contains("The broker was not reached yet", health, StringComparison.Ordinal);
        Assert.Contains("Not ready: not started", health, StringComparison.Ordinal); // no consumer, either
        Assert.Empty(await servers.Tls.ConnectionsAsync(broker, "ordering"));
    }

    [Theory]
    [InlineData("localhost", false)]
    [InlineData("127.0.0.1", true)]
    public async Task A_database_with_an_invalid_certificate_is_not_used(string host, bool isTrusted)
    {
        await using var database = await servers.Tls.CreateDatabaseAsync();
        await using var connection = new NpgsqlConnection(TlsServers.Verified(
            database.ConnectionString, host, isTrusted ? servers.Tls.Authority : servers.Tls.OtherAuthority));

        var refused = await Assert.ThrowsAsync<NpgsqlException>(() => connection.OpenAsync());

        Assert.IsType<AuthenticationException>(refused.InnerException);
    }

    private Dictionary<string, string?> Settings(string database, Uri broker) => new(ServiceInstance.Settings(database, broker))
    {
        ["SSL_CERT_FILE"] = servers.Tls.Authority,
    };

    public sealed class Servers : IAsyncLifetime
    {
        private TlsServers? _tls;

        public TlsServers Tls
        {
            get
            {
                Assert.SkipWhen(_tls is null, "The broker of this run is a container: what gives it TLS talks to a node of this machine.");
                return _tls!;
            }
        }

        public async ValueTask InitializeAsync() => _tls = await TestServers.AreNativeAsync() ? await TlsServers.StartAsync() : null;

        public async ValueTask DisposeAsync()
        {
            if (_tls is not null)
            {
                await _tls.DisposeAsync();
            }
        }
    }
}
