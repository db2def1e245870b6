using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Npgsql;

namespace Shop.Benchmarks.Servers;

/// <summary>The whole shop as people run it, started by the real AppHost in a home of its own, which is deleted at the end.</summary>
internal sealed class ShopProcess : IAsyncDisposable
{
    private static readonly string[] s_services = ["ordering", "inventory", "notification", "analytics"];
    private static readonly TimeSpan s_timeout = TimeSpan.FromMinutes(5);

    private readonly string _home;
    private readonly StringBuilder _log = new();
    private Process? _appHost;

    private ShopProcess(string home) => _home = home;

    public IReadOnlyDictionary<string, Uri> Services { get; private set; } = new Dictionary<string, Uri>();

    /// <summary>The four services, the servers and the client, separately.</summary>
    public CpuMeter Cpu { get; private set; } = new([]);

    public static async Task<ShopProcess> StartAsync(CancellationToken ct)
    {
        var key = SHA256.HashData(Encoding.UTF8.GetBytes($"{Environment.UserName}:{AppContext.BaseDirectory}"));
        var shop = new ShopProcess(Path.Combine(Path.GetTempPath(), $"shop-bench-flow-{Convert.ToHexStringLower(key)[..12]}"));
        try
        {
            await shop.LaunchAsync(ct);
            return shop;
        }
        catch
        {
            await shop.DisposeAsync();
            throw;
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

    public async ValueTask DisposeAsync()
    {
        NpgsqlConnection.ClearAllPools();
        if (_appHost is { HasExited: false })
        {
            using var kill = Process.Start("kill", ["-TERM", $"{_appHost.Id}"]);
            using var timeout = new CancellationTokenSource(s_timeout);
            await _appHost.WaitForExitAsync(timeout.Token);
        }

        _appHost?.Dispose();
        if (Directory.Exists(_home))
        {
            Directory.Delete(_home, recursive: true);
        }
    }

    private async Task LaunchAsync(CancellationToken ct)
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

        // What AppHost sets for four services to share a laptop's memory costs a busy one time; in production nothing sets them.
        start.Environment["DOTNET_GCConserveMemory"] = "0";
        start.Environment["DOTNET_GCgen0size"] = "";
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
        if (all.Count != s_services.Length + 2 || !all.TrueForAll(part => part.GetProperty("healthy").GetBoolean()))
        {
            return false;
        }

        Services = services.ToDictionary(service => service.GetProperty("name").GetString()!, service => new Uri(service.GetProperty("url").GetString()!));
        var ids = all.ToDictionary(part => part.GetProperty("name").GetString()!, part => part.GetProperty("process").GetProperty("pid").GetInt32());
        Cpu = new CpuMeter([
            .. s_services.Select(name => (name, (Func<double>)(() => CpuMeter.Of(ids[name], withEnded: false).Seconds))),
            ("PostgreSQL", () => CpuMeter.OfTree(ids["postgres"])),
            ("RabbitMQ", () => CpuMeter.Of(ids["rabbitmq"], withEnded: false).Seconds),
            ("client", CpuMeter.OfThisProcess)]);
        return true;
    }

    private string ConnectionString(string service)
    {
        var state = JsonDocument.Parse(File.ReadAllText(Path.Combine(_home, "state.json"))).RootElement;
        var port = state.GetProperty("servers").EnumerateArray().Single(server => server.GetProperty("name").GetString() == "postgres")
            .GetProperty("port").GetInt32();
        var password = File.ReadAllText(Path.Combine(_home, "secrets", "postgres-admin-password")).Trim();
        return $"Host=127.0.0.1;Port={port};Database={service}-db;Username=postgres;Password={password};Command Timeout=120";
    }

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
