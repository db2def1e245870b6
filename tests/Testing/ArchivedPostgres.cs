using Npgsql;
using Shop.Local.Servers;

namespace Shop.Testing;

/// <summary>
/// A PostgreSQL server with a base backup and an archived log, as production has them in object storage, and a second server that was
/// restored from them to a moment. Installed programs only.
/// </summary>
public sealed class ArchivedPostgres : IAsyncDisposable
{
    private readonly string _directory = NativeServers.DedicatedPostgresDirectory();
    private readonly string _backup = NativeServers.DedicatedPostgresDirectory();
    private string _connectionString = "";

    private ArchivedPostgres()
    {
    }

    private string Archive => Path.Combine(_backup, "archive");

    private static string? Owner => ServerProcesses.AmRoot ? "postgres" : null;

    /// <summary>Whether the tests' servers are installed programs.</summary>
    public static async Task<bool> IsAvailableAsync() => !(await ServerChoice.RuleAsync()).IsContainers;

    /// <summary>Starts the server; its log is archived from here on.</summary>
    public static async Task<ArchivedPostgres> StartAsync()
    {
        await TestServers.AddressesAsync(); // the first caller cleans up after an earlier run
        var server = new ArchivedPostgres();
        try
        {
            await PostgresCluster.OpenAsync(server._backup, CancellationToken.None);
            await ServerProcesses.MakePrivateDirectoryAsync(server.Archive, Owner, CancellationToken.None);
            server._connectionString = await NativeServers.StartDedicatedPostgresAsync(
                server._directory, [("archive_mode", "on"), ("archive_command", $"test ! -f {server.Archive}/%f && cp %p {server.Archive}/%f")]);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>A new, empty database of this server with an owner of its own; to be disposed before the server.</summary>
    public Task<TestDatabase> CreateDatabaseAsync(string prefix) => TestDatabase.CreateAsync(_connectionString, TestServers.UniqueName(prefix));

    /// <summary>The server's own time, which its log is restored to.</summary>
    public async Task<string> NowAsync() => await ScalarAsync<string>(_connectionString, "SELECT clock_timestamp()::text");

    /// <summary>Takes the base backup.</summary>
    public async Task BackUpAsync()
    {
        await using var connection = new NpgsqlConnection(_connectionString + ";Pooling=false"); // it must not end in between
        await connection.OpenAsync();
        await using (var start = new NpgsqlCommand("SELECT pg_backup_start('base', true)", connection))
        {
            await start.ExecuteNonQueryAsync();
        }

        var data = Path.Combine(_backup, "data");
        (await ServerProcesses.RunAsync("cp", ["-a", Path.Combine(_directory, "data"), data], CancellationToken.None)).OrThrow("Copying the data");
        await using var stop = new NpgsqlCommand("SELECT labelfile FROM pg_backup_stop()", connection);
        await ServerProcesses.WritePrivateAsync(Path.Combine(data, "backup_label"), (string)(await stop.ExecuteScalarAsync())!, Owner, CancellationToken.None);
        File.Delete(Path.Combine(data, "postmaster.pid"));
        Directory.Delete(Path.Combine(data, "pg_wal"), recursive: true);
        await ServerProcesses.MakePrivateDirectoryAsync(Path.Combine(data, "pg_wal"), Owner, CancellationToken.None);
    }

    /// <summary>Starts a second server from the base backup, with the archived log up to a moment.</summary>
    public async Task RestoreAsync(string moment)
    {
        var last = await ScalarAsync<string>(_connectionString, "SELECT pg_walfile_name(pg_switch_wal())");
        await Eventually.HoldsAsync($"the log up to {last} is archived", () => Task.FromResult(File.Exists(Path.Combine(Archive, last))));
        var data = Path.Combine(_backup, "data");
        var settings = await File.ReadAllTextAsync(Path.Combine(data, "postgresql.auto.conf"));
        await ServerProcesses.WritePrivateAsync(Path.Combine(data, "postgresql.auto.conf"), $"""
            {settings}
            archive_mode = 'off'
            restore_command = 'cp {Archive}/%f %p'
            recovery_target_time = '{moment}'
            recovery_target_action = 'promote'

            """, Owner, CancellationToken.None);
        await ServerProcesses.WritePrivateAsync(Path.Combine(data, "recovery.signal"), "", Owner, CancellationToken.None);
        var cluster = await PostgresCluster.OpenAsync(_backup, CancellationToken.None);
        var port = FreePorts.Next();
        await cluster.ConfigureAsync(port, durable: false, logical: true, CancellationToken.None);
        await cluster.StartAsync(CancellationToken.None);
        Restored = new NpgsqlConnectionStringBuilder(_connectionString) { Port = port }.ConnectionString;
        await Eventually.HoldsAsync($"the server is restored to {moment}", () => ScalarAsync<bool>(Restored, "SELECT NOT pg_is_in_recovery()"));
    }

    /// <summary>A database of this server as it was then.</summary>
    public TestDatabase AsItWas(TestDatabase database)
    {
        ArgumentNullException.ThrowIfNull(database);
        return TestDatabase.Of(Restored, database.Name);
    }

    private string Restored { get; set; } = "";

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        NpgsqlConnection.ClearAllPools();
        await NativeServers.RemovePostgresAsync(_directory);
        await NativeServers.RemovePostgresAsync(_backup);
    }

    private static async Task<T> ScalarAsync<T>(string server, string sql)
    {
        await using var connection = new NpgsqlConnection(server + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync())!;
    }
}
