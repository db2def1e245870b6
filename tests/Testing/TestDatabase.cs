using Npgsql;

namespace Shop.Testing;

/// <summary>
/// A database of one test class with two logins that reach no other, as a service's has: its owner, and the one of the running
/// service, which gets its rights from <c>migrate</c>.
/// </summary>
public sealed class TestDatabase : IAsyncDisposable
{
    private readonly string _server;
    private readonly string _database;

    private TestDatabase(string server, string name, string? copy = null)
    {
        _server = server;
        _database = copy ?? name;
        Name = name;
        ConnectionString = new NpgsqlConnectionStringBuilder(server)
        {
            Database = _database,
            Username = name,
            Password = name,
            IncludeErrorDetail = true,
        }.ConnectionString;
        RuntimeConnectionString = new NpgsqlConnectionStringBuilder(ConnectionString)
        {
            Username = RuntimeRole,
            Password = RuntimeRole,
        }.ConnectionString;
        AdminConnectionString = new NpgsqlConnectionStringBuilder(server) { Database = _database, IncludeErrorDetail = true }.ConnectionString;
    }

    /// <summary>The owner's name, which is the database's too unless it is a copy.</summary>
    public string Name { get; }

    /// <summary>The name of the running service's login.</summary>
    public string RuntimeRole => Name + "_app";

    /// <summary>As the owner: what <c>migrate</c> gets as <c>ConnectionStrings:Database</c>, and the test itself uses.</summary>
    public string ConnectionString { get; }

    /// <summary>As the login of the running service, where a service's migrate has made the tables.</summary>
    public string RuntimeConnectionString { get; }

    /// <summary>As a superuser, to terminate other sessions, read locks and the like.</summary>
    public string AdminConnectionString { get; }

    /// <summary>One that is there, with its two logins.</summary>
    internal static TestDatabase Of(string server, string name) => new(server, name);

    internal static async Task<TestDatabase> CreateAsync(string server, string name)
    {
        await ExecuteOnAsync(
            server,
            $"CREATE ROLE \"{name}\" LOGIN REPLICATION PASSWORD '{name}' IN ROLE pg_read_all_stats", // so that a test can query waiting sessions
            $"CREATE ROLE \"{name}_app\" LOGIN REPLICATION PASSWORD '{name}_app'",
            $"CREATE DATABASE \"{name}\" OWNER \"{name}\"",
            $"REVOKE CONNECT, TEMPORARY ON DATABASE \"{name}\" FROM PUBLIC");
        return new TestDatabase(server, name);
    }

    /// <summary>
    /// Changes the owner of this database but not of its objects: <see cref="CopyAsync"/> would otherwise give it to the
    /// first copy's. Once, before any copy: two at the same time would be in each other's way.
    /// </summary>
    internal Task BecomeTemplateAsync() => ExecuteOnAsync(_server, $"ALTER DATABASE \"{_database}\" OWNER TO CURRENT_USER");

    /// <summary>A new database with what is in this template, and an owner of its own. Nobody may be connected to the template.</summary>
    internal async Task<TestDatabase> CopyAsync(string name)
    {
        await ExecuteOnAsync(
            _server,
            $"CREATE ROLE \"{name}\" LOGIN PASSWORD '{name}' IN ROLE pg_read_all_stats",
            $"CREATE ROLE \"{name}_app\" LOGIN PASSWORD '{name}_app' IN ROLE \"{RuntimeRole}\"", // which has the rights in the template
            $"CREATE DATABASE \"{name}\" TEMPLATE \"{_database}\" OWNER \"{name}\"",
            $"REVOKE CONNECT, TEMPORARY ON DATABASE \"{name}\" FROM PUBLIC",
            $"GRANT CONNECT ON DATABASE \"{name}\" TO \"{name}_app\"");
        var copy = new TestDatabase(_server, name);
        await ExecuteOnAsync(copy.AdminConnectionString, $"REASSIGN OWNED BY \"{Name}\" TO \"{name}\"");
        return copy;
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

    /// <summary>All rows that a query gives, asked as the owner; a row is its columns' texts.</summary>
    public async Task<IReadOnlyList<string>> RowsAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await using var reader = await command.ExecuteReaderAsync();
        List<string> rows = [];
        while (await reader.ReadAsync())
        {
            rows.Add(string.Join(" | ", Enumerable.Range(0, reader.FieldCount).Select(column => $"{reader.GetValue(column)}")));
        }

        return rows;
    }

    /// <summary>
    /// A database with the same content and the same owner. Nobody may be connected to this one: stop the service first. Dispose
    /// the copy before the original.
    /// </summary>
    public async Task<TestDatabase> CloneAsync()
    {
        var copy = new TestDatabase(_server, Name, $"{Name}_{Guid.CreateVersion7():N}"[..63]);
        await ClearPoolsAsync(); // before they are broken off: the next to use one would find it out
        await CloseConnectionsAsync();
        await ExecuteOnAsync(_server, $"CREATE DATABASE \"{copy._database}\" TEMPLATE \"{_database}\" OWNER \"{Name}\"",
            $"REVOKE CONNECT, TEMPORARY ON DATABASE \"{copy._database}\" FROM PUBLIC",
            $"GRANT CONNECT ON DATABASE \"{copy._database}\" TO \"{RuntimeRole}\"");
        return copy;
    }

    /// <summary>Breaks off every session of this database, as a restart of the server would.</summary>
    public Task CloseConnectionsAsync() =>
        ExecuteOnAsync(_server, $"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{_database}'");

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        // A slot is dropped with its database, but only when no reader is connected to it.
        await ExecuteOnAsync(_server,
            $"SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots WHERE database = '{_database}' AND active_pid IS NOT NULL");
        await ExecuteOnAsync(_server, $"DROP DATABASE IF EXISTS \"{_database}\" WITH (FORCE)");
        if (_database == Name)
        {
            await ExecuteOnAsync(_server, $"DROP ROLE IF EXISTS \"{Name}\", \"{RuntimeRole}\"");
        }

        await ClearPoolsAsync();
    }

    private async Task ClearPoolsAsync()
    {
        foreach (var login in (string[])[ConnectionString, RuntimeConnectionString])
        {
            await using var pool = new NpgsqlConnection(login);
            NpgsqlConnection.ClearPool(pool);
        }
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
