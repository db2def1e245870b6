using Npgsql;

namespace Shop.Testing;

/// <summary>A PostgreSQL of one test's own, for settings that the shared one cannot have; gone when it is disposed.</summary>
public sealed class OwnPostgres : IAsyncDisposable
{
    private readonly Func<ValueTask> _remove;

    private OwnPostgres(string connectionString, Func<ValueTask> remove) => (ConnectionString, _remove) = (connectionString, remove);

    /// <summary>A superuser's connection string.</summary>
    public string ConnectionString { get; }

    /// <summary>Starts one with these settings over those of the shared one.</summary>
    public static async Task<OwnPostgres> StartAsync(params (string Name, string Value)[] settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        if ((await ServerChoice.MadeAsync()).IsContainers)
        {
            var container = await ContainerServers.StartPostgresAsync(settings);
            return new OwnPostgres(container.GetConnectionString(), container.DisposeAsync);
        }

        await TestServers.AddressesAsync(); // whoever is first clears away what an earlier run left
        var directory = NativeServers.DirectoryOfOwnPostgres();
        try
        {
            var connectionString = await NativeServers.StartOwnPostgresAsync(directory, settings);
            return new OwnPostgres(connectionString, async () => await NativeServers.RemovePostgresAsync(directory));
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
