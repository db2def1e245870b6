using System.Security.Cryptography;
using System.Text;
using Shop.Local.Servers;

namespace Shop.Benchmarks.Servers;

/// <summary>
/// A durable PostgreSQL and a RabbitMQ of the benchmark's own, in a directory that is deleted at the end. Nothing is shared with
/// the tests' servers, whose PostgreSQL skips fsync.
/// </summary>
internal sealed class BenchServers : IAsyncDisposable
{
    private readonly string _home;
    private readonly FileStream _lock;
    private PostgresServer? _postgres;
    private RabbitMqServer? _rabbitMq;

    private BenchServers(string home)
    {
        _home = home;
        _lock = new FileStream(home + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
    }

    public CpuMeter Cpu => new(_postgres!.ProcessId, _rabbitMq!.ProcessId);

    /// <exception cref="IOException">Another benchmark of this working copy runs.</exception>
    public static async Task<BenchServers> StartAsync(CancellationToken ct)
    {
        // One a working copy, like the tests' servers, and not in it: PostgreSQL's user may not be able to reach it there.
        var key = SHA256.HashData(Encoding.UTF8.GetBytes($"{Environment.UserName}:{AppContext.BaseDirectory}"));
        var servers = new BenchServers(Path.Combine(Path.GetTempPath(), $"shop-bench-{Convert.ToHexStringLower(key)[..12]}"));
        try
        {
            await servers.ClearAsync(); // what a killed run has left
            await servers.LaunchAsync(ct);
            return servers;
        }
        catch
        {
            await servers.DisposeAsync();
            throw;
        }
    }

    /// <summary>May be called again.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_lock.SafeFileHandle.IsClosed)
        {
            return;
        }

        await ClearAsync();
        await _lock.DisposeAsync();
    }

    private async Task LaunchAsync(CancellationToken ct)
    {
        Directory.CreateDirectory(_home);
        var password = RandomNumberGenerator.GetHexString(32, lowercase: true);
        void Log(string line) { }
        var postgres = PostgresServer.StartAsync(Path.Combine(_home, "postgres"), FreePorts.Next(), password, durable: true, Log, ct);
        var rabbitMq = RabbitMqServer.StartAsync(
            Path.Combine(_home, "rabbitmq"),
            new RabbitMqPorts(FreePorts.Next(), FreePorts.Next(), FreePorts.Next(), FreePorts.Next()), password, Log, ct);
        (_postgres, _rabbitMq) = (await postgres, await rabbitMq);

        // From here on the tests' own helpers find these servers.
        Environment.SetEnvironmentVariable("SHOP_TEST_POSTGRES", _postgres.AdminConnectionString());
        Environment.SetEnvironmentVariable("SHOP_TEST_RABBITMQ", _rabbitMq.AdminAmqpUri().AbsoluteUri);
        Environment.SetEnvironmentVariable("SHOP_TEST_RABBITMQ_MANAGEMENT", _rabbitMq.ManagementUri.AbsoluteUri);
    }

    private async Task ClearAsync()
    {
        foreach (var (name, stop) in ((string, Func<string, CancellationToken, Task>)[])[
            ("postgres", PostgresServer.StopDirectoryAsync), ("rabbitmq", RabbitMqServer.KillDirectoryAsync)])
        {
            var directory = Path.Combine(_home, name);
            if (Directory.Exists(directory))
            {
                await stop(directory, CancellationToken.None);
            }
        }

        if (Directory.Exists(_home))
        {
            Directory.Delete(_home, recursive: true);
        }
    }
}
