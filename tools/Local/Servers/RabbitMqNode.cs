using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Shop.Local.Servers;

/// <summary>The files and processes of one RabbitMQ node.</summary>
internal sealed class RabbitMqNode
{
    // Every process of the node inherits it, also Erlang's name service, which detaches itself: that is how they are found again.
    private const string Mark = "SHOP_RABBITMQ_DIRECTORY";
    private readonly string _directory;

    private RabbitMqNode(string directory, string program)
    {
        _directory = directory;
        Program = program;
    }

    /// <summary>The installed program that becomes the node.</summary>
    public string Program { get; }

    public static RabbitMqNode Open(string directory) => new(Path.GetFullPath(directory), FindProgram());

    public async Task ConfigureAsync(
        RabbitMqPorts ports, string adminUser, string adminPassword, TimeSpan statisticsInterval, CancellationToken ct)
    {
        await ServerProcesses.MakePrivateDirectoryAsync(_directory, owner: null, ct);
        await ServerProcesses.MakePrivateDirectoryAsync(In("home"), owner: null, ct); // for the Erlang cookie
        var milliseconds = (int)statisticsInterval.TotalMilliseconds;

        // Erlang terms, not rabbitmq.conf: translating that is more than half of the startup time.
        await WriteAsync("advanced.config", $$"""
            [{rabbit, [
               {tcp_listeners, [{"127.0.0.1", {{ports.Amqp}}}]},
               {load_definitions, {{ErlangString(In("definitions.json"))}}},
               {collect_statistics_interval, {{milliseconds}}},
               {quorum_tick_interval, {{Math.Max(milliseconds, 1_000)}}},
               {disk_free_limit, 16000000},
               {vm_memory_high_watermark, 0.4},
               {log, [{file, [{level, warning}]}]}]},
             {rabbitmq_management, [
               {tcp_config, [{ip, "127.0.0.1"}, {port, {{ports.Management}}}]}]}].

            """, ct);
        await WriteAsync("enabled_plugins", "[rabbitmq_management].\n", ct);
        await WriteAsync("definitions.json", Definitions(adminUser, adminPassword), ct);
        if (!File.Exists(In("node-name")))
        {
            // The stored data belongs to this name, so it must not change with the ports.
            await WriteAsync("node-name", NodeName(ports), ct);
        }
    }

    public Process Start(RabbitMqPorts ports)
    {
        // A session of its own: Ctrl+C in a terminal reaches only the owner, which stops the node in order.
        var start = new ProcessStartInfo("setsid", ["sh", "-c", "exec \"$0\" > \"$1\" 2>&1 < /dev/null", Program, In("console.log")])
        {
            WorkingDirectory = _directory,
        };
        ServerProcesses.Clean(start.Environment, Settings(ports));
        return ServerProcesses.Start(start);
    }

    /// <summary>Ends every process of this node, also of an earlier owner; does nothing if there is none.</summary>
    public async Task StopAsync(TimeSpan timeout, CancellationToken ct)
    {
        ServerProcesses.Signal(Processes("beam"), ServerProcesses.Terminate);
        await ServerProcesses.WaitAsync(() => Processes("beam").Count == 0, timeout, ct);
        var ended = await ServerProcesses.WaitAsync(() =>
        {
            var rest = Processes("");
            ServerProcesses.Signal(rest, ServerProcesses.Kill);
            return rest.Count == 0;
        }, TimeSpan.FromSeconds(10), ct);
        if (!ended)
        {
            throw new InvalidOperationException($"RabbitMQ's processes in {_directory} could not be ended.");
        }
    }

    public string LogTail()
    {
        var logs = Directory.Exists(In("log")) ? Directory.GetFiles(In("log"), "*.log") : [];
        return string.Join(Environment.NewLine, logs.Prepend(In("console.log")).Select(file => ServerProcesses.Tail(file)));
    }

    /// <summary>The environment with the node's ports and directories, after <see cref="ConfigureAsync"/>.</summary>
    public Dictionary<string, string> Settings(RabbitMqPorts ports) => new()
    {
        [Mark] = _directory,
        ["HOME"] = In("home"),
        ["LC_ALL"] = "C.UTF-8",
        ["ERL_EPMD_ADDRESS"] = "127.0.0.1",
        ["ERL_EPMD_PORT"] = ports.Epmd.ToString(CultureInfo.InvariantCulture),
        ["ERL_CRASH_DUMP_SECONDS"] = "0",
        ["RABBITMQ_NODENAME"] = NodeName(ports),
        ["RABBITMQ_NODE_IP_ADDRESS"] = "127.0.0.1",
        ["RABBITMQ_NODE_PORT"] = ports.Amqp.ToString(CultureInfo.InvariantCulture),
        ["RABBITMQ_DIST_PORT"] = ports.Distribution.ToString(CultureInfo.InvariantCulture),
        ["RABBITMQ_CONF_ENV_FILE"] = In("rabbitmq-env.conf"), // none: or the machine's would be read
        ["RABBITMQ_CONFIG_FILE"] = In("rabbitmq.conf"), // none, likewise
        ["RABBITMQ_ADVANCED_CONFIG_FILE"] = In("advanced.config"),
        ["RABBITMQ_ENABLED_PLUGINS_FILE"] = In("enabled_plugins"),
        ["RABBITMQ_GENERATED_CONFIG_DIR"] = In("generated"),
        ["RABBITMQ_PLUGINS_EXPAND_DIR"] = In("plugins"),
        ["RABBITMQ_MNESIA_BASE"] = In("data"),
        ["RABBITMQ_LOG_BASE"] = In("log"),
        ["RABBITMQ_PID_FILE"] = In("node.pid"),
        ["RUNNING_UNDER_SYSTEMD"] = "true", // no shell in between: the process that is started becomes the node
        ["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"] =
            "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}",
    };

    /// <summary>Loaded at each start: sets the administrator's password, and creates no default user.</summary>
    private static string Definitions(string adminUser, string adminPassword)
    {
        var salt = RandomNumberGenerator.GetBytes(4);
        var hash = SHA256.HashData([.. salt, .. Encoding.UTF8.GetBytes(adminPassword)]);
        return JsonSerializer.Serialize(new
        {
            vhosts = new[] { new { name = "/" } },
            users = new[]
            {
                new
                {
                    name = adminUser,
                    password_hash = Convert.ToBase64String([.. salt, .. hash]),
                    hashing_algorithm = "rabbit_password_hashing_sha256",
                    tags = "administrator",
                },
            },
            permissions = new[] { new { user = adminUser, vhost = "/", configure = ".*", write = ".*", read = ".*" } },
        });
    }

    private string NodeName(RabbitMqPorts ports) =>
        File.Exists(In("node-name")) ? File.ReadAllText(In("node-name")).Trim() : $"shop-{ports.Amqp}@localhost";

    private IReadOnlyList<int> Processes(string name)
    {
        var mark = Encoding.UTF8.GetBytes($"{Mark}={_directory}\0");
        return ServerProcesses.Find(process =>
            File.ReadAllText(Path.Combine(process, "comm")).StartsWith(name, StringComparison.Ordinal)
            && File.ReadAllBytes(Path.Combine(process, "environ")).AsSpan().IndexOf(mark) >= 0);
    }

    private static string ErlangString(string value) =>
        $"\"{value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";

    private string In(string name) => Path.Combine(_directory, name);

    private Task WriteAsync(string name, string content, CancellationToken ct) =>
        ServerProcesses.WritePrivateAsync(In(name), content, owner: null, ct);

    private static string FindProgram()
    {
        // Debian's command on the PATH insists on the machine's own user; the one in lib does not.
        var onPath = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Select(directory => Path.Combine(directory, "rabbitmq-server"));
        return onPath.Prepend("/usr/lib/rabbitmq/bin/rabbitmq-server").FirstOrDefault(File.Exists)
            ?? throw ServerMissingException.For("RabbitMQ", "rabbitmq-server");
    }
}
