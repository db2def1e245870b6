using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Shop.Local.Servers;

/// <summary>The ports of one node, all on 127.0.0.1.</summary>
/// <param name="Amqp">For clients.</param>
/// <param name="Management">The HTTP API and its pages.</param>
/// <param name="Distribution">Erlang's own, for rabbitmqctl.</param>
/// <param name="Epmd">Erlang's name service, one for this node alone.</param>
internal sealed record RabbitMqPorts(int Amqp, int Management, int Distribution, int Epmd);

/// <summary>
/// One RabbitMQ node of its own in a directory, with its own Erlang cookie and name service, so that it shares nothing with the
/// machine's. The user <c>guest</c> does not exist; <c>shop-admin</c> administers it.
/// </summary>
internal sealed class RabbitMqServer : IAsyncDisposable
{
    public const string AdminUser = "shop-admin";
    private readonly RabbitMqNode _node;
    private readonly RabbitMqManagement _management;
    private readonly string _adminPassword;

    private RabbitMqServer(RabbitMqNode node, RabbitMqPorts ports, string adminPassword)
    {
        _node = node;
        _adminPassword = adminPassword;
        Port = ports.Amqp;
        ManagementPort = ports.Management;
        _management = new RabbitMqManagement(ManagementUri, AdminUser, adminPassword);
    }

    public string Host { get; } = "127.0.0.1";

    public int Port { get; }

    public int ManagementPort { get; }

    public Uri ManagementUri => new($"http://{Host}:{ManagementPort}/");

    /// <summary>The process to watch or to kill: the Erlang machine.</summary>
    public int ProcessId { get; private set; }

    /// <summary>Starts a node, creating it where there is none. One that still runs there is restarted.</summary>
    /// <exception cref="ServerMissingException">RabbitMQ is not installed.</exception>
    public static Task<RabbitMqServer> StartAsync(
        string directory, RabbitMqPorts ports, string adminPassword, Action<string> log, CancellationToken ct) =>
        StartAsync(directory, ports, adminPassword, TimeSpan.FromSeconds(5), log, ct);

    /// <summary>As above; the statistics' interval is how old the management API's counts may be: short costs processor time.</summary>
    public static async Task<RabbitMqServer> StartAsync(
        string directory,
        RabbitMqPorts ports,
        string adminPassword,
        TimeSpan statisticsInterval,
        Action<string> log,
        CancellationToken ct)
    {
        var node = RabbitMqNode.Open(directory);
        await node.StopAsync(TimeSpan.FromSeconds(15), ct);
        await node.ConfigureAsync(ports, AdminUser, adminPassword, statisticsInterval, ct);
        var server = new RabbitMqServer(node, ports, adminPassword);
        try
        {
            await server.LaunchAsync(ports, ct);
        }
        catch
        {
            await node.StopAsync(TimeSpan.Zero, CancellationToken.None);
            server._management.Dispose();
            throw;
        }

        log($"RabbitMQ listens on 127.0.0.1:{ports.Amqp}, its management on {server.ManagementUri} (process {server.ProcessId})");
        return server;
    }

    /// <summary>Kills a server that runs in the directory, no matter who started it: for temporary data.</summary>
    public static Task KillDirectoryAsync(string directory, CancellationToken ct) =>
        RabbitMqNode.Open(directory).StopAsync(TimeSpan.Zero, ct);

    public Uri AmqpUri(string user, string password, string vhost = "/") => new(string.Create(
        CultureInfo.InvariantCulture,
        $"amqp://{Uri.EscapeDataString(user)}:{Uri.EscapeDataString(password)}@{Host}:{Port}/{Uri.EscapeDataString(vhost)}"));

    public Uri AdminAmqpUri(string vhost = "/") => AmqpUri(AdminUser, _adminPassword, vhost);

    /// <summary>Adds what these definitions have and the node lacks. Users get the passwords and permissions given last.</summary>
    public Task LoadDefinitionsAsync(JsonObject definitions, CancellationToken ct) =>
        _management.LoadAsync(definitions, ct);

    public async Task EnsureVirtualHostAsync(string vhost, CancellationToken ct)
    {
        await _management.PutAsync($"vhosts/{Escape(vhost)}", new { }, ct);
        await _management.PutAsync(
            $"permissions/{Escape(vhost)}/{AdminUser}", new { configure = ".*", write = ".*", read = ".*" }, ct);
    }

    public Task DeleteVirtualHostAsync(string vhost, CancellationToken ct) => _management.DeleteAsync($"vhosts/{Escape(vhost)}", ct);

    public Task<bool> IsHealthyAsync(CancellationToken ct) => _management.IsHealthyAsync(Port, ct);

    /// <summary>Closes the connections, writes everything and ends; kills what does not end in time.</summary>
    public Task StopAsync(CancellationToken ct) => _node.StopAsync(TimeSpan.FromSeconds(15), ct);

    public async ValueTask DisposeAsync()
    {
        await StopAsync(CancellationToken.None);
        _management.Dispose();
    }

    private async Task LaunchAsync(RabbitMqPorts ports, CancellationToken ct)
    {
        using var process = _node.Start(ports);
        ProcessId = process.Id; // each program on the way replaces the one before, so that this becomes the Erlang machine's
        var ready = await ServerProcesses.WaitAsync(
            async () => process.HasExited || await IsHealthyAsync(ct), TimeSpan.FromSeconds(90), ct);
        if (!ready || process.HasExited)
        {
            throw new InvalidOperationException($"RabbitMQ did not start:{Environment.NewLine}{_node.LogTail()}");
        }

        await _management.EnableFeatureFlagsAsync(ct);
        await _management.DeleteAsync("users/guest", ct);
    }

    private static string Escape(string name) => Uri.EscapeDataString(name);
}
