using Npgsql;

namespace Shop.Testing;

/// <summary>A PostgreSQL server for one test, with settings that the shared one cannot have; disposing removes it.</summary>
public sealed class DedicatedPostgres : IAsyncDisposable
{
    private readonly Func<ValueTask> _remove;

    private DedicatedPostgres(string connectionString, Func<ValueTask> remove) => (ConnectionString, _remove) = (connectionString, remove);

    /// <summary>A superuser's connection string.</summary>
    public string ConnectionString { get; }

    /// <summary>Starts one with these settings over those of the shared one.</summary>
    public static async Task<DedicatedPostgres> StartAsync(params (string Name, string Value)[] settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        if ((await ServerChoice.RuleAsync()).IsContainers)
        {
            var container = await ContainerServers.StartPostgresAsync(settings);
            return new DedicatedPostgres(container.GetConnectionString(), container.DisposeAsync);
        }

        await TestServers.AddressesAsync(); // the first caller cleans up after an earlier run
        var directory = NativeServers.DedicatedPostgresDirectory();
        try
        {
            var connectionString = await NativeServers.StartDedicatedPostgresAsync(directory, settings);
            return new DedicatedPostgres(connectionString, async () => await NativeServers.RemovePostgresAsync(directory));
        }
        catch
        {
            await NativeServers.RemovePostgresAsync(directory);
            throw;
        }
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await using (var pool = new NpgsqlConnection(ConnectionString))
        {
            NpgsqlConnection.ClearPool(pool);
        }

        await _remove();
    }

    /// <summary>A new, empty database of this server with an owner of its own; to be disposed before the server.</summary>
    public Task<TestDatabase> CreateDatabaseAsync(string prefix) => TestDatabase.CreateAsync(ConnectionString, TestServers.UniqueName(prefix));
}
