using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Shop.Local.Servers;
using Testcontainers.PostgreSql;
using Testcontainers.RabbitMq;

namespace Shop.Testing;

/// <summary>The servers as containers: one of each for a test process, or for a whole run of ./shop test.</summary>
internal sealed class ContainerServers : IStartedServers
{
    private const int ManagementPort = 15672;
    private const string User = "shop-admin";
    private const string Password = "shop-admin";
    private readonly PostgreSqlContainer _postgres = Postgres([]);
    private readonly RabbitMqContainer _rabbitMq = RabbitMq();

    private ContainerServers()
    {
    }

    public ServerAddresses Addresses => new(
        _postgres.GetConnectionString(),
        new Uri(_rabbitMq.GetConnectionString()),
        new UriBuilder("http", _rabbitMq.Hostname, _rabbitMq.GetMappedPublicPort(ManagementPort)).Uri);

    public static async Task<IStartedServers> StartAsync()
    {
        var servers = new ContainerServers();
        try
        {
            await Task.WhenAll(servers._postgres.StartAsync(), servers._rabbitMq.StartAsync());
            return servers;
        }
        catch
        {
            await servers.DisposeAsync();
            throw;
        }
    }

    /// <summary>One of a test's own, with these settings over the usual ones.</summary>
    public static async Task<PostgreSqlContainer> StartPostgresAsync(IReadOnlyList<(string Name, string Value)> settings)
    {
        var own = Postgres(settings);
        try
        {
            await own.StartAsync();
            return own;
        }
        catch
        {
            await own.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _postgres.DisposeAsync();
        await _rabbitMq.DisposeAsync();
    }

    private static PostgreSqlContainer Postgres(IReadOnlyList<(string Name, string Value)> settings) => new PostgreSqlBuilder(ServerRule.Images(Environment.GetEnvironmentVariable).Postgres)
        .WithLogger(NullLogger.Instance) // it would write to standard output, which is the protocol of `Testing serve`
        .WithCommand(
        [
            .. new[]
            {
                ("wal_level", "logical"), ("max_replication_slots", "64"), ("max_wal_senders", "64"), ("max_connections", "1000"),
                ("fsync", "off"), ("full_page_writes", "off"), ("synchronous_commit", "off"), ("jit", "off"), ("shared_preload_libraries", "pg_stat_statements"),
            }.Concat(settings).SelectMany(setting => (string[])["-c", $"{setting.Item1}={setting.Item2}"]),
        ])
        .Build();

    private static RabbitMqContainer RabbitMq() => new RabbitMqBuilder(ServerRule.Images(Environment.GetEnvironmentVariable).RabbitMq)
        .WithUsername(User)
        .WithPassword(Password)
        .WithLogger(NullLogger.Instance)
        .WithPortBinding(ManagementPort, assignRandomHostPort: true)
        .WithResourceMapping(Settings(), "/etc/rabbitmq/advanced.config")
        .Build();

    /// <summary>Tests read the figures of the management API: those should not be five seconds old.</summary>
    private static byte[] Settings() => Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture,
        $"[{{rabbit, [{{collect_statistics_interval, {NativeServers.StatisticsInterval.TotalMilliseconds}}}, {{quorum_tick_interval, 1000}}]}}]."));
}
