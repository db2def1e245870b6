using Npgsql;

namespace Shop.Testing;

/// <summary>A PostgreSQL of one test's own, for settings that the shared one cannot have; gone when it is disposed.</summary>
public sealed class OwnPostgres : IAsyncDisposable
{
#if CONTAINERS
    private readonly Testcontainers.PostgreSql.PostgreSqlContainer _server;

    private OwnPostgres(Testcontainers.PostgreSql.PostgreSqlContainer server) => _server = server;

    /// <summary>A superuser's connection string.</summary>
    public string ConnectionString => _server.GetConnectionString();

    /// <summary>Starts one with these settings over those of the shared one.</summary>
    public static async Task<OwnPostgres> StartAsync(params (string Name, string Value)[] settings)
    {
        var own = new OwnPostgres(ContainerServers.Postgres(settings));
        await own._server.StartAsync();
        return own;
    }

    /// <inheritdoc />
    public ValueTask DisposeAsync() => _server.DisposeAsync();
#else
    private readonly string _directory;

    private OwnPostgres(string directory, string connectionString) => (_directory, ConnectionString) = (directory, connectionString);

    /// <summary>A superuser's connection string.</summary>
    public string ConnectionString { get; }

    /// <summary>Starts one with these settings over those of the shared one.</summary>
    public static async Task<OwnPostgres> StartAsync(params (string Name, string Value)[] settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        await TestServers.AddressesAsync(); // whoever is first clears away what an earlier run left
        var directory = NativeServers.DirectoryOfOwnPostgres();
        try
        {
            return new OwnPostgres(directory, await NativeServers.StartOwnPostgresAsync(directory, settings));
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

        await NativeServers.RemovePostgresAsync(_directory);
    }
#endif

    /// <summary>A new, empty database of this server with an owner of its own; to be disposed before the server.</summary>
    public Task<TestDatabase> CreateDatabaseAsync(string prefix) => TestDatabase.CreateAsync(ConnectionString, TestServers.UniqueName(prefix));
}
