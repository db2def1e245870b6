using Testcontainers.PostgreSql;
using Testcontainers.RabbitMq;

namespace Shop.Testing;

/// <summary>The servers of the containers profile: one container of each for a test process, or for a whole run of ./shop test.</summary>
internal sealed class ContainerServers : IAsyncDisposable
{
    private const int ManagementPort = 15672;
    private const string User = "shop-admin";
    private const string Password = "shop-admin";
    private readonly PostgreSqlContainer _postgres;
    private readonly RabbitMqContainer _rabbitMq;

    private ContainerServers(PostgreSqlContainer postgres, RabbitMqContainer rabbitMq)
    {
        _postgres = postgres;
        _rabbitMq = rabbitMq;
    }

    public ServerAddresses Addresses => new(
        _postgres.GetConnectionString(),
        new Uri(_rabbitMq.GetConnectionString()),
        new UriBuilder("http", _rabbitMq.Hostname, _rabbitMq.GetMappedPublicPort(ManagementPort)).Uri);

    public static async Task<ContainerServers> StartAsync()
    {
        var servers = new ContainerServers(
            Postgres([]),
            new RabbitMqBuilder()
                .WithImage("rabbitmq:4.3-management")
                .WithUsername(User)
                .WithPassword(Password)
                .WithPortBinding(ManagementPort, assignRandomHostPort: true)
                .Build());
        await Task.WhenAll(servers._postgres.StartAsync(), servers._rabbitMq.StartAsync());
        return servers;
    }

    /// <summary>With these settings over the usual ones.</summary>
    public static PostgreSqlContainer Postgres(IEnumerable<(string Name, string Value)> settings) => new PostgreSqlBuilder()
        .WithImage("postgres:18.3")
        .WithCommand(
        [
            "-c", "wal_level=logical", "-c", "max_replication_slots=64", "-c", "max_wal_senders=64",
            "-c", "max_connections=1000", "-c", "fsync=off", "-c", "synchronous_commit=off",
            .. settings.SelectMany(setting => (string[])["-c", $"{setting.Name}={setting.Value}"]),
        ])
        .Build();

    public async ValueTask DisposeAsync()
    {
        await _postgres.DisposeAsync();
        await _rabbitMq.DisposeAsync();
    }
}
