using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Npgsql;

namespace Shop.EndToEnd.Tests;

/// <summary>A service or a server as <c>status --json</c> shows it.</summary>
internal sealed record Part(string Name, int? Pid, string Health)
{
    public bool IsHealthy => Health == "healthy";
}

/// <summary>The servers that a test needs are not available here.</summary>
internal sealed class ServersMissingException(string message) : Exception(message);

/// <summary>
/// The whole shop, started by the real AppHost with its own home: its own servers, ports, secrets and data, independent of
/// any other shop that runs on the same machine.
/// </summary>
internal sealed class RunningShop : IAsyncDisposable
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromMinutes(15); // bounds a hang: a busy machine starts ten processes slowly
    private static readonly string s_repository = FindRepository();
    private static readonly string s_configuration =
        Directory.GetParent(AppContext.BaseDirectory.TrimEnd('/'))!.Name;

    private readonly string _home = Directory.CreateTempSubdirectory("shop-e2e-").FullName;
    private readonly List<Process> _commands = [];
    private Process? _appHost;
    private string _relay = "";
    private string _servers = "native";
    private StringBuilder _log = new();

    public string Home => _home;

    /// <summary>Settings of all services, by the names of their environment variables.</summary>
    public Dictionary<string, string> Settings { get; } = [];

    /// <summary>Starts it, with the servers of SHOP_SERVERS.</summary>
    /// <exception cref="ServersMissingException">They cannot be had on this machine; the message is the AppHost's.</exception>
    public async Task StartAsync(string relay = "Polling", string servers = "native")
    {
        (_relay, _servers) = (relay, servers);
        (_appHost, _log) = Run("AppHost", "AppHost.dll");
        await Eventually.HoldsAsync("the AppHost reports that it is ready",
            () => _appHost.HasExited || IsReady(_appHost.Id), s_timeout);
        if (_appHost.HasExited && _log.ToString().Contains($"SHOP_SERVERS={servers}, but", StringComparison.Ordinal))
        {
            throw new ServersMissingException(_log.ToString());
        }

        Assert.False(_appHost.HasExited, $"The AppHost ended:\n{_log}");
        await EverythingIsHealthyAsync();
    }

    /// <summary>Ends the AppHost, and nothing else, as a crash would.</summary>
    public async Task KillAppHostAsync()
    {
        Signal("KILL", _appHost!.Id);
        await _appHost.WaitForExitAsync();
    }

    /// <summary>Where each part listens.</summary>
    public string Ports() => File.ReadAllText(Path.Combine(_home, "ports.json"));

    /// <summary>The output of a second AppHost in this home, and its exit code.</summary>
    public async Task<(int ExitCode, string Output)> StartAnotherAsync()
    {
        var (second, log) = Run("AppHost", "AppHost.dll");
        _commands.Add(second);
        using var timeout = new CancellationTokenSource(s_timeout);
        await second.WaitForExitAsync(timeout.Token);
        return (second.ExitCode, log.ToString());
    }

    /// <summary>Asks it to stop as an orchestrator does; its exit code.</summary>
    public async Task<int> StopAsync()
    {
        Signal("TERM", _appHost!.Id);
        using var timeout = new CancellationTokenSource(s_timeout);
        await _appHost.WaitForExitAsync(timeout.Token);
        return _appHost.ExitCode;
    }

    public async Task<IReadOnlyList<Part>> StatusAsync()
    {
        var (exitCode, output) = await CliAsync("status", "--json");
        var status = JsonDocument.Parse(output).RootElement;
        List<Part> parts =
        [
            .. status.GetProperty("services").EnumerateArray().Concat(status.GetProperty("servers").EnumerateArray())
                .Select(part => part.Deserialize<Part>(JsonSerializerOptions.Web)!),
        ];
        Assert.Equal(parts.TrueForAll(part => part.IsHealthy) ? 0 : 1, exitCode);
        return parts;
    }

    /// <summary>Kills a part as a crash would, and waits until it is there again as another process, and healthy.</summary>
    public async Task KillAsync(string name)
    {
        var (_, pid) = await Eventually.IsAsync($"{name} runs", () => Task.FromResult(Recorded(name)), part => part is { Healthy: true, Pid: not null }, s_timeout);
        var before = pid!.Value;
        Signal("KILL", before);
        await Eventually.HoldsAsync($"the AppHost has brought {name} back",
            () => Recorded(name) is { Healthy: true, Pid: { } now } && now != before, s_timeout);
    }

    /// <summary>How many letters were written so far.</summary>
    public int CountLetters() =>
        Directory.Exists(Path.Combine(_home, "mail")) ? Directory.GetFiles(Path.Combine(_home, "mail"), "*.eml").Length : 0;

    /// <summary>What a service or a server has written into its log so far.</summary>
    public string LogOf(string name) => File.ReadAllText(Path.Combine(_home, "logs", name + ".log"));

    /// <summary>Who is connected to the services' databases: the login and the database of each.</summary>
    public async Task<IReadOnlyList<(string Login, string Database)>> SessionsAsync()
    {
        await using var connection = await ConnectAsync("postgres");
        await using var command = new NpgsqlCommand("SELECT DISTINCT usename, datname FROM pg_stat_activity WHERE datname LIKE '%-db'", connection);
        await using var reader = await command.ExecuteReaderAsync();
        List<(string, string)> sessions = [];
        while (await reader.ReadAsync())
        {
            sessions.Add((reader.GetString(0), reader.GetString(1)));
        }

        return sessions;
    }

    /// <summary>A connection to a database of this shop, as its server's administrator.</summary>
    public async Task<NpgsqlConnection> ConnectAsync(string database)
    {
        var state = JsonDocument.Parse(File.ReadAllText(Path.Combine(_home, "state.json"))).RootElement;
        var port = state.GetProperty("servers").EnumerateArray().Single(server => server.GetProperty("name").GetString() == "postgres")
            .GetProperty("port").GetInt32();
        var password = File.ReadAllText(Path.Combine(_home, "secrets", "postgres-admin-password")).Trim();
        var connection = new NpgsqlConnection(
            $"Host=127.0.0.1;Port={port};Database={database};Username=postgres;Password={password};Pooling=false");
        await connection.OpenAsync();
        return connection;
    }

    /// <summary>Runs a command of the shop; returns its exit code and output.</summary>
    public async Task<(int ExitCode, string Output)> CliAsync(params string[] arguments)
    {
        var (process, log) = Run("tools/Cli", "shop-cli.dll", arguments);
        _commands.Add(process);
        using var timeout = new CancellationTokenSource(s_timeout);
        await process.WaitForExitAsync(timeout.Token);
        return (process.ExitCode, log.ToString());
    }

    /// <summary>The command lines of all processes that belong to this shop.</summary>
    public IReadOnlyList<string> Processes() =>
    [
        .. Directory.GetDirectories("/proc").Where(directory => int.TryParse(Path.GetFileName(directory), out _))
            .Select(directory => Read(Path.Combine(directory, "cmdline")) + " " + Read(Path.Combine(directory, "environ")))
            .Where(text => text.Contains(_home, StringComparison.Ordinal)),
    ];

    public async ValueTask DisposeAsync()
    {
        if (_appHost is { HasExited: false })
        {
            await StopAsync();
        }

        await CliAsync("down"); // what a killed AppHost would have left
        foreach (var command in _commands)
        {
            command.Kill(); // does nothing to one that has ended
            command.Dispose();
        }

        _appHost?.Dispose();
        Directory.Delete(_home, recursive: true);
    }

    private Task EverythingIsHealthyAsync() => Eventually.HoldsAsync("four services, the console and two servers are healthy", async () =>
    {
        var parts = await StatusAsync();
        return parts.Count == 7 && parts.All(part => part.IsHealthy);
    }, s_timeout);

    /// <summary>The file may be of one that was killed.</summary>
    private bool IsReady(int appHost) => File.Exists(Path.Combine(_home, "ready"))
        && File.ReadAllText(Path.Combine(_home, "ready")).Trim() == appHost.ToString(CultureInfo.InvariantCulture);

    /// <summary>What the AppHost keeps of a part: a look into a file, where each status would be a process on a busy machine.</summary>
    private (bool Healthy, int? Pid) Recorded(string name)
    {
        var state = JsonDocument.Parse(File.ReadAllText(Path.Combine(_home, "state.json"))).RootElement;
        var part = state.GetProperty("services").EnumerateArray().Concat(state.GetProperty("servers").EnumerateArray())
            .Single(part => part.GetProperty("name").GetString() == name);
        var process = part.GetProperty("process");
        return (part.GetProperty("healthy").GetBoolean(),
            process.ValueKind == JsonValueKind.Null ? null : process.GetProperty("pid").GetInt32());
    }

    private (Process Process, StringBuilder Log) Run(string project, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        start.ArgumentList.Add(Path.Combine(s_repository, project, "bin", s_configuration, "net10.0", program));
        Array.ForEach(arguments, start.ArgumentList.Add);
        start.Environment["SHOP_HOME"] = _home;
        start.Environment["NO_COLOR"] = "1";
        start.Environment["Messaging__Relay"] = _relay;
        start.Environment["SHOP_SERVERS"] = _servers;
        foreach (var (name, value) in Settings)
        {
            start.Environment[name] = value;
        }

        var log = new StringBuilder();
        var process = Process.Start(start)!;
        process.OutputDataReceived += (_, line) => Append(log, line.Data);
        process.ErrorDataReceived += (_, line) => Append(log, line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return (process, log);
    }

    private static void Append(StringBuilder log, string? line)
    {
        lock (log)
        {
            log.AppendLine(line);
        }
    }

    private static void Signal(string name, int pid) => Process.Start("kill", [$"-{name}", $"{pid}"]).WaitForExit();

    private static string Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ""; // the process has just ended
        }
    }

    private static string FindRepository()
    {
        var at = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(at.FullName, "Shop.sln")))
        {
            at = at.Parent ?? throw new InvalidOperationException("Shop.sln is in no directory above this test.");
        }

        return at.FullName;
    }
}
