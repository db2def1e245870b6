using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Npgsql;
using Shop.Local.Servers;

namespace Shop.Benchmarks.Servers;

/// <summary>The whole shop as people run it, started by the real AppHost in a home of its own, which is deleted at the end.</summary>
internal sealed class ShopProcess : IAsyncDisposable
{
    private static readonly string[] s_services = ["ordering", "inventory", "notification", "analytics"];
    private static readonly TimeSpan s_timeout = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan s_brokerReports = TimeSpan.FromSeconds(6); // collect_statistics_interval is 5 s

    private readonly string _home;
    private readonly StringBuilder _log = new();
    private readonly Dictionary<string, List<int>> _processes = [];
    private readonly List<Process> _added = [];
    private Dictionary<string, IReadOnlyList<Uri>> _services = [];
    private Process? _appHost;

    private ShopProcess(string home) => _home = home;

    /// <summary>The addresses of each service's instances.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<Uri>> Services => _services;

    /// <summary>The four services, the servers and the client, separately.</summary>
    public CpuMeter Cpu { get; private set; } = new([]);

    public static async Task<ShopProcess> StartAsync(bool asInProduction, CancellationToken ct)
    {
        var key = SHA256.HashData(Encoding.UTF8.GetBytes($"{Environment.UserName}:{AppContext.BaseDirectory}"));
        var shop = new ShopProcess(Path.Combine(Path.GetTempPath(), $"shop-bench-flow-{Convert.ToHexStringLower(key)[..12]}"));
        try
        {
            await shop.LaunchAsync(asInProduction, ct);
            return shop;
        }
        catch
        {
            await shop.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts one more instance of each service, one after another and configured like the first; the seconds until each is ready.</summary>
    public async Task<IReadOnlyDictionary<string, double>> AddInstancesAsync(CancellationToken ct)
    {
        using var http = new HttpClient();
        Dictionary<string, double> seconds = [];
        foreach (var service in s_services)
        {
            var first = _processes[service][0];
            var address = new Uri($"http://127.0.0.1:{FreePorts.Next()}");
            var start = new ProcessStartInfo("dotnet", (await File.ReadAllTextAsync($"/proc/{first}/cmdline", ct)).Split('\0', StringSplitOptions.RemoveEmptyEntries)[1..])
            {
                WorkingDirectory = new FileInfo($"/proc/{first}/cwd").LinkTarget!,
            };
            start.Environment.Clear();
            foreach (var pair in (await File.ReadAllTextAsync($"/proc/{first}/environ", ct)).Split('\0', StringSplitOptions.RemoveEmptyEntries))
            {
                var equals = pair.IndexOf('=', StringComparison.Ordinal);
                start.Environment[pair[..equals]] = pair[(equals + 1)..];
            }

            start.Environment["ASPNETCORE_URLS"] = address.AbsoluteUri;
            var at = Stopwatch.GetTimestamp();
            var added = Process.Start(start)!;
            _added.Add(added);
            await Eventually.HoldsAsync($"another {service} is ready", async () => await IsReadyAsync(http, address, ct), s_timeout);
            seconds[service] = Stopwatch.GetElapsedTime(at).TotalSeconds;
            _processes[service].Add(added.Id);
            _services[service] = [.. _services[service], address];
        }

        return seconds;
    }

    /// <summary>Megabytes of each service's first instance, by PSS.</summary>
    public IReadOnlyDictionary<string, double> Memory() =>
        s_services.ToDictionary(name => name, name => ProcessMemory.Megabytes(_processes[name][0], "Pss"));

    private static async Task<bool> IsReadyAsync(HttpClient http, Uri address, CancellationToken ct)
    {
        try
        {
            using var response = await http.GetAsync(new Uri(address, "/health/ready"), ct);
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    /// <summary>The first column of a query's first row in a service's database.</summary>
    public async Task<T> ScalarAsync<T>(string service, string sql)
    {
        await using var connection = new NpgsqlConnection(ConnectionString(service));
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync() ?? throw new InvalidOperationException($"No row for: {sql}"));
    }

    /// <summary>What the servers have done since their start. Waits for the broker's counters, which are behind.</summary>
    public async Task<ServerWork> ReadWorkAsync(CancellationToken ct)
    {
        var statements = await ScalarAsync<decimal>("postgres", "CREATE EXTENSION IF NOT EXISTS pg_stat_statements;"
            + "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements WHERE userid <> 'postgres'::regrole");
        var transactions = await ScalarAsync<decimal>("postgres", "SELECT sum(xact_commit) FROM pg_stat_database WHERE datname LIKE '%-db'");
        var bytes = await ScalarAsync<decimal>("postgres", "SELECT pg_current_wal_insert_lsn() - '0/0'");
        using var management = new RabbitMqManagement(
            new Uri($"http://127.0.0.1:{Port("rabbitmq-management")}/"), RabbitMqServer.AdminUser, Secret("rabbitmq-admin-password"));
        await Task.Delay(s_brokerReports, ct);
        var counters = (await management.GetAsync("overview", ct))["message_stats"];
        double Counter(string name) => counters?[name]?.GetValue<double>() ?? 0;
        return new ServerWork((double)statements, (double)transactions, (double)bytes, Counter("publish"), Counter("deliver"));
    }

    public async ValueTask DisposeAsync()
    {
        NpgsqlConnection.ClearAllPools();
        foreach (var added in _added)
        {
            await EndAsync(added);
        }

        if (_appHost is not null)
        {
            await EndAsync(_appHost);
        }

        if (Directory.Exists(_home))
        {
            Directory.Delete(_home, recursive: true);
        }
    }

    private static async Task EndAsync(Process process)
    {
        if (!process.HasExited)
        {
            using var kill = Process.Start("kill", ["-TERM", $"{process.Id}"]);
            using var timeout = new CancellationTokenSource(s_timeout);
            await process.WaitForExitAsync(timeout.Token);
        }

        process.Dispose();
    }

    private async Task LaunchAsync(bool asInProduction, CancellationToken ct)
    {
        // The services accept the tests' tokens: the AppHost keeps an existing signing key.
        Directory.CreateDirectory(Path.Combine(_home, "secrets"));
        await File.WriteAllTextAsync(Path.Combine(_home, "secrets", "signing-key"), TestTokens.SigningKey, ct);
        var start = new ProcessStartInfo("dotnet", [Program()])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        start.Environment["SHOP_HOME"] = _home;
        start.Environment["NO_COLOR"] = "1";

        if (asInProduction)
        {
            // What AppHost sets for four services to share a laptop's memory costs a busy one time; in production nothing sets them.
            start.Environment["DOTNET_GCConserveMemory"] = "0";
            start.Environment["DOTNET_GCGen0MaxBudget"] = "";
            start.Environment["DOTNET_TieredPGO"] = "1";
        }

        // With the telemetry of each order, Aspire's dashboard takes as much as two services; production samples, and sends it elsewhere.
        start.Environment.TryAdd("OTEL_SDK_DISABLED", "true");
        _appHost = Process.Start(start)!;
        _appHost.OutputDataReceived += (_, line) => _log.AppendLine(line.Data);
        _appHost.ErrorDataReceived += (_, line) => _log.AppendLine(line.Data);
        _appHost.BeginOutputReadLine();
        _appHost.BeginErrorReadLine();
        await Eventually.HoldsAsync("four services are healthy", () => _appHost.HasExited || IsUp(), s_timeout).WaitAsync(ct);
        if (_appHost.HasExited)
        {
            throw new InvalidOperationException($"The AppHost ended:\n{_log}");
        }
    }

    private bool IsUp()
    {
        var file = Path.Combine(_home, "state.json");
        if (!File.Exists(file))
        {
            return false;
        }

        var state = JsonDocument.Parse(File.ReadAllText(file)).RootElement;
        var services = state.GetProperty("services").EnumerateArray().ToList();
        var all = services.Concat(state.GetProperty("servers").EnumerateArray()).ToList();
        if (all.Count != s_services.Length + 3 || // the console and two servers
            !all.TrueForAll(part => part.GetProperty("healthy").GetBoolean()))
        {
            return false;
        }

        _services = services.ToDictionary(
            service => service.GetProperty("name").GetString()!, service => (IReadOnlyList<Uri>)[new Uri(service.GetProperty("url").GetString()!)]);
        var ids = all.ToDictionary(part => part.GetProperty("name").GetString()!, part => part.GetProperty("process").GetProperty("pid").GetInt32());
        foreach (var name in s_services)
        {
            _processes[name] = [ids[name]];
        }

        Cpu = new CpuMeter([
            .. s_services.Select(name => (name, (Func<double>)(() => _processes[name].Sum(id => CpuMeter.Of(id, withEnded: false).Seconds)))),
            ("PostgreSQL", () => CpuMeter.OfTree(ids["postgres"])),
            ("RabbitMQ", () => CpuMeter.Of(ids["rabbitmq"], withEnded: false).Seconds),
            ("client", CpuMeter.OfThisProcess)]);
        return true;
    }

    private string ConnectionString(string service)
    {
        var database = service == "postgres" ? service : $"{service}-db";
        return $"Host=127.0.0.1;Port={Port("postgres")};Database={database};Username=postgres;Password={Secret("postgres-admin-password")};Command Timeout=120";
    }

    private int Port(string name) =>
        JsonDocument.Parse(File.ReadAllText(Path.Combine(_home, "ports.json"))).RootElement.GetProperty(name).GetInt32();

    private string Secret(string name) => File.ReadAllText(Path.Combine(_home, "secrets", name)).Trim();

    private static string Program()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "Shop.sln")))
        {
            root = root.Parent ?? throw new InvalidOperationException("Shop.sln is in no directory above this program.");
        }

        return Path.Combine(root.FullName, "AppHost", "bin", "Release", "net10.0", "AppHost.dll");
    }
}
