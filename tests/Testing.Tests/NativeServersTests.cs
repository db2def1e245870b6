using System.Diagnostics;
using System.Text.Json.Nodes;
using Npgsql;
using Npgsql.Replication;
using Shop.AppHost.Native.Servers;

namespace Shop.Testing.Tests;

/// <summary>What the native profile's servers stand: one directory, whose processes and whose owner are killed.</summary>
public sealed class NativeServersTests : IDisposable
{
    private const string Password = "it's a pass/word";

    // Closed to everyone else, as root's home is: PostgreSQL must manage there too.
    private readonly string _directory = Directory.CreateTempSubdirectory("shop-servers-").FullName;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_killed_PostgreSQL_starts_again_with_its_data()
    {
        var directory = Path.Combine(_directory, "postgres");
        var port = FreePorts.Next();
        var killed = await PostgresServer.StartAsync(directory, port, Password, Log, Token);
        await killed.EnsureDatabaseAsync("ordering", "ordering", "first", readsLog: false, Token);
        await killed.EnsureDatabaseAsync("ordering", "ordering", "it's second", readsLog: true, Token);
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

    [Fact]
    public async Task A_killed_RabbitMQ_starts_again_with_its_data_and_a_living_one_is_replaced()
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

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private static void Log(string line) => TestContext.Current.TestOutputHelper?.WriteLine(line);

    private static void Kill(int processId)
    {
        using var process = Process.GetProcessById(processId);
        process.Kill();
    }

    private static bool IsAlive(int processId) => ServerProcesses.Find(directory =>
        Path.GetFileName(directory) == $"{processId}" && File.ReadAllBytes(Path.Combine(directory, "cmdline")).Length > 0).Count > 0;
}
