using Npgsql;

namespace Shop.Testing;

/// <summary>Where the servers are and who may do anything on them.</summary>
/// <param name="Postgres">A superuser's connection string, for Npgsql.</param>
/// <param name="RabbitMq">An administrator's amqp URI.</param>
/// <param name="Management">RabbitMQ's management API, for the same administrator.</param>
public sealed record ServerAddresses(string Postgres, Uri RabbitMq, Uri Management);

/// <summary>
/// The real PostgreSQL and RabbitMQ that tests run against: one of each for all test projects of a run, started by the first
/// test that needs them, stopped after the last test project. Every test project has this class as
/// its assembly fixture. SHOP_SERVERS decides whether they are containers or the installed programs; without it, what the machine can
/// run. If SHOP_TEST_POSTGRES, SHOP_TEST_RABBITMQ and SHOP_TEST_RABBITMQ_MANAGEMENT name servers, those are used and nothing is
/// started.
/// </summary>
public sealed class TestServers : IAsyncDisposable
{
    private static readonly Lazy<Task<IStartedServers>> s_started = new(StartAsync);

    /// <summary>The running servers, which are started if need be.</summary>
    public static async Task<ServerAddresses> AddressesAsync() => Given() ?? (await s_started.Value).Addresses;

    /// <summary>Whether the servers are processes of this machine, and not containers.</summary>
    public static async Task<bool> AreNativeAsync() => !(await ServerChoice.RuleAsync()).IsContainers;

    /// <summary>A new, empty database with an owner of its own; disposing drops both.</summary>
    public static async Task<TestDatabase> CreateDatabaseAsync(string prefix = "test") =>
        await TestDatabase.CreateAsync((await AddressesAsync()).Postgres, UniqueName(prefix));

    /// <summary>A new, empty virtual host of the broker; disposing deletes it with its contents.</summary>
    public static async Task<TestVirtualHost> CreateVirtualHostAsync(string prefix = "test") =>
        await TestVirtualHost.CreateAsync(await AddressesAsync(), UniqueName(prefix));

    /// <summary>Lets go of the servers; the last to do so stops them.</summary>
    public async ValueTask DisposeAsync()
    {
        await MigratedDatabases.DropTemplatesAsync();
        NpgsqlConnection.ClearAllPools();
        if (s_started.IsValueCreated && s_started.Value.IsCompletedSuccessfully)
        {
            await (await s_started.Value).DisposeAsync();
        }
    }

    private static async Task<IStartedServers> StartAsync() =>
        await ((await ServerChoice.RuleAsync()).IsContainers ? ContainerServers.StartAsync() : NativeServers.StartAsync());

    private static ServerAddresses? Given()
    {
        var postgres = Environment.GetEnvironmentVariable("SHOP_TEST_POSTGRES");
        var rabbitMq = Environment.GetEnvironmentVariable("SHOP_TEST_RABBITMQ");
        var management = Environment.GetEnvironmentVariable("SHOP_TEST_RABBITMQ_MANAGEMENT");
        return string.IsNullOrEmpty(postgres) || string.IsNullOrEmpty(rabbitMq) || string.IsNullOrEmpty(management)
            ? null
            : new ServerAddresses(postgres, new Uri(rabbitMq), new Uri(management));
    }

    internal static string UniqueName(string prefix) => $"{prefix}_{Guid.CreateVersion7():N}";
}
