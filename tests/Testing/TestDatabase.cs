using Npgsql;

namespace Shop.Testing;

/// <summary>A database of one test class, owned by a login that reaches no other, as a service's is.</summary>
public sealed class TestDatabase : IAsyncDisposable
{
    private readonly string _server;

    private TestDatabase(string server, string name)
    {
        _server = server;
        Name = name;
        ConnectionString = new NpgsqlConnectionStringBuilder(server)
        {
            Database = name,
            Username = name,
            Password = name,
            IncludeErrorDetail = true,
        }.ConnectionString;
        AdminConnectionString = new NpgsqlConnectionStringBuilder(server) { Database = name, IncludeErrorDetail = true }.ConnectionString;
    }

    /// <summary>The database's name, which is its owner's too.</summary>
    public string Name { get; }

    /// <summary>As the owner: what a service gets as <c>ConnectionStrings:Database</c>.</summary>
    public string ConnectionString { get; }

    /// <summary>As a superuser, to end other sessions, to look at locks and the like.</summary>
    public string AdminConnectionString { get; }

    internal static async Task<TestDatabase> CreateAsync(string server, string name)
    {
        await ExecuteOnAsync(
            server,
            $"CREATE ROLE \"{name}\" LOGIN PASSWORD '{name}'",
            $"CREATE DATABASE \"{name}\" OWNER \"{name}\"",
            $"REVOKE CONNECT, TEMPORARY ON DATABASE \"{name}\" FROM PUBLIC");
        return new TestDatabase(server, name);
    }

    /// <summary>Runs one statement as the owner; the number of rows that it changed.</summary>
    public async Task<int> ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteNonQueryAsync();
    }

    /// <summary>The first column of the first row that a query gives, asked as the owner.</summary>
    public async Task<T> ScalarAsync<T>(string sql)
    {
        await using var connection = new NpgsqlConnection(ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync() ?? throw new InvalidOperationException($"No row for: {sql}"));
    }

    /// <summary>Breaks off every session of this database, as a restart of the server would.</summary>
    public Task CloseConnectionsAsync() =>
        ExecuteOnAsync(_server, $"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{Name}'");

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await ExecuteOnAsync(_server, $"DROP DATABASE IF EXISTS \"{Name}\" WITH (FORCE)", $"DROP ROLE IF EXISTS \"{Name}\"");
        await using var pool = new NpgsqlConnection(ConnectionString);
        NpgsqlConnection.ClearPool(pool);
    }

    private static async Task ExecuteOnAsync(string server, params string[] statements)
    {
        await using var connection = new NpgsqlConnection(server);
        await connection.OpenAsync();
        foreach (var statement in statements)
        {
            await using var command = new NpgsqlCommand(statement, connection);
            await command.ExecuteNonQueryAsync();
        }
    }
}
