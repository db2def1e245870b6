using System.Diagnostics;
using System.Text.Json.Nodes;
using Npgsql;
using Npgsql.Replication;
using Shop.Local.Servers;

namespace Shop.Testing.Tests;

/// <summary>The installed servers survive kills of their processes and of their owner, in one directory.</summary>
public sealed class NativeServersTests : IAsyncLifetime
{
    private const string Password = "it's a pass/word";

    // Closed to everyone else, as root's home is: PostgreSQL must manage there too.
    private readonly string _directory = Directory.CreateTempSubdirectory("shop-servers-").FullName;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() =>
        Assert.SkipUnless(await TestServers.AreNativeAsync(), "The servers of this run are containers.");

    public ValueTask DisposeAsync()
    {
        Directory.Delete(_directory, recursive: true);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_killed_PostgreSQL_restarts_with_its_data()
    {
        var directory = Path.Combine(_directory, "postgres");
        var port = FreePorts.Next();
        var killed = await PostgresServer.StartAsync(directory, port, Password, Log, Token);
        await killed.EnsureDatabaseAsync("ordering", "ordering", "first", "owner", readsLog: false, Token);
        await killed.EnsureDatabaseAsync("ordering", "ordering", "it's second", "owner", readsLog: true, Token);
        Kill(killed.ProcessId);

        await using var server = await PostgresServer.StartAsync(directory, port, Password, Log, Token);

        Assert.NotEqual(killed.ProcessId, server.ProcessId);
        Assert.True(await server.IsHealthyAsync(Token));
        await using var connection = new NpgsqlConnection(server.ConnectionString("ordering", "ordering", "it's second"));
        await connection.OpenAsync(Token);
        await using var trespass = new NpgsqlConnection(server.ConnectionString("postgres", "ordering", "it's second"));
        await Assert.ThrowsAsync<PostgresException>(() => trespass.OpenAsync(Token));

        // It may read the log of its own database, and copy nothing of the others'.
        await using var log = new LogicalReplicationConnection(server.ConnectionString("ordering", "ordering", "it's second"));
        await log.Open(Token);
        await using var copy = new PhysicalReplicationConnection(server.ConnectionString("ordering", "ordering", "it's second"));
        await Assert.ThrowsAsync<PostgresException>(() => copy.Open(Token));
        await server.StopAsync(Token);
        Assert.False(await server.IsHealthyAsync(Token));
        Assert.False(IsAlive(server.ProcessId));
    }

    /// <summary>PostgreSQL refuses to start with a slot and without a logical log: a shop that has once read its log would never start again.</summary>
    [Fact]
    public async Task The_log_is_logical_only_where_it_is_read_or_a_slot_is_left()
    {
        var cluster = await PostgresCluster.OpenAsync(Path.Combine(_directory, "log"), Token);
        await cluster.CreateAsync(Password, Token);
        Assert.Equal("logical", await LogLevelAsync(logical: true, "SELECT pg_create_logical_replication_slot('left', 'pgoutput')"));
        Assert.Equal("logical", await LogLevelAsync(logical: false, "SELECT pg_drop_replication_slot('left')"));
        Assert.Equal("replica", await LogLevelAsync(logical: false, "SELECT 1"));

        async Task<string?> LogLevelAsync(bool logical, string then)
        {
            var port = FreePorts.Next();
            await cluster.ConfigureAsync(port, durable: false, logical, Token);
            await cluster.StartAsync(Token);
            try
            {
                var login = new NpgsqlConnectionStringBuilder { Host = "127.0.0.1", Port = port, Username = "postgres", Password = Password, Pooling = false };
                await using var connection = new NpgsqlConnection(login.ConnectionString);
                await connection.OpenAsync(Token);
                await using var level = new NpgsqlCommand("SHOW wal_level", connection);
                await using var next = new NpgsqlCommand(then, connection);
                await next.ExecuteNonQueryAsync(Token);
                return (string?)await level.ExecuteScalarAsync(Token);
            }
            finally
            {
                await cluster.StopAsync(TimeSpan.FromSeconds(10), Token);
            }
        }
    }

    [Fact]
    public async Task A_database_owned_by_its_service_login_gets_a_separate_owner()
    {
        var directory = Path.Combine(_directory, "older");
        await using var server = await PostgresServer.StartAsync(directory, FreePorts.Next(), Password, Log, Token);
        await ExecuteAsync(server.AdminConnectionString(), "CREATE ROLE ordering LOGIN PASSWORD 'first'");
        await ExecuteAsync(server.AdminConnectionString(), "CREATE DATABASE ordering OWNER ordering");
        await ExecuteAsync(server.ConnectionString("ordering", "ordering", "first"), """
            CREATE TABLE things (id integer GENERATED ALWAYS AS IDENTITY, day date) PARTITION BY RANGE (day);
            CREATE TABLE things_default PARTITION OF things DEFAULT;
            CREATE SCHEMA rebuild;
            CREATE TABLE rebuild.things (id serial);
            CREATE FUNCTION count_things() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM things';
            CREATE PUBLICATION some_events;
            INSERT INTO things (day) VALUES (now());
            """);

        await server.EnsureDatabaseAsync("ordering", "ordering", "second", "owner", readsLog: false, Token);

        var service = server.ConnectionString("ordering", "ordering", "second");
        var owner = server.ConnectionString("ordering", "ordering-owner", "owner");
        foreach (var statement in (string[])["DROP TABLE things", "DROP SCHEMA rebuild CASCADE", "DROP FUNCTION count_things()",
            "DROP PUBLICATION some_events", "CREATE TABLE more (id integer)", "SELECT * FROM things"])
        {
            Assert.Equal("42501", (await Assert.ThrowsAsync<PostgresException>(() => ExecuteAsync(service, statement))).SqlState);
        }

        await ExecuteAsync(owner, """
            DO $$ BEGIN ASSERT count_things() = 1; END $$;
            ALTER TABLE things ADD COLUMN name text;
            DROP SCHEMA rebuild CASCADE;
            DROP FUNCTION count_things();
            DROP PUBLICATION some_events;
            DROP TABLE things;
            """);
    }

    [Fact]
    public async Task A_killed_RabbitMQ_restarts_with_its_data_and_a_running_one_is_replaced()
    {
        var directory = Path.Combine(_directory, "rabbitmq");
        var ports = new RabbitMqPorts(FreePorts.Next(), FreePorts.Next(), FreePorts.Next(), FreePorts.Next());
        var killed = await RabbitMqServer.StartAsync(directory, ports, Password, Log, Token);
        await killed.EnsureVirtualHostAsync("shop", Token);
        var permission = new JsonObject { ["user"] = "ordering", ["vhost"] = "shop", ["configure"] = ".*", ["write"] = ".*", ["read"] = ".*" };
        await killed.LoadDefinitionsAsync(new JsonObject
        {
            ["users"] = new JsonArray(new JsonObject { ["name"] = "ordering", ["password"] = "secret", ["tags"] = "" }),
            ["permissions"] = new JsonArray(permission),
        }, Token);
        Kill(killed.ProcessId);
        var living = await RabbitMqServer.StartAsync(directory, ports, Password, Log, Token);

        await using var server = await RabbitMqServer.StartAsync(directory, ports, Password, Log, Token);

        Assert.False(IsAlive(living.ProcessId));
        Assert.True(await server.IsHealthyAsync(Token));
        await using (var connection = await new RabbitMQ.Client.ConnectionFactory { Uri = server.AmqpUri("ordering", "secret", "shop") }
            .CreateConnectionAsync(Token))
        {
            Assert.True(connection.IsOpen);
        }

        await Assert.ThrowsAsync<RabbitMQ.Client.Exceptions.BrokerUnreachableException>(
            () => new RabbitMQ.Client.ConnectionFactory { Uri = server.AmqpUri("guest", "guest") }.CreateConnectionAsync(Token));
        await server.StopAsync(Token);
        Assert.False(await server.IsHealthyAsync(Token));
        Assert.False(IsAlive(server.ProcessId));
    }

    private static async Task ExecuteAsync(string login, string sql)
    {
        await using var connection = new NpgsqlConnection(login + ";Pooling=false");
        await connection.OpenAsync(Token);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(Token);
    }

    private static void Log(string line) => TestContext.Current.TestOutputHelper?.WriteLine(line);

    private static void Kill(int processId)
    {
        using var process = Process.GetProcessById(processId);
        process.Kill();
    }

    private static bool IsAlive(int processId) => ServerProcesses.Find(directory =>
        Path.GetFileName(directory) == $"{processId}" && File.ReadAllBytes(Path.Combine(directory, "cmdline")).Length > 0).Count > 0;
}
