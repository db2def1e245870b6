using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Npgsql;
using Shop.Local.Servers;

namespace Shop.Testing;

/// <summary>
/// The servers as installed programs, shared by all test processes of one working copy. Two file locks
/// count the users: the entry lock is held while a process starts or ends its use, and each user holds a shared lock, which the
/// system releases if it crashes. So the first user starts the servers, cleaning up after a crashed run, and the last one stops them.
/// </summary>
internal sealed class NativeServers : IStartedServers
{
    private FileStream? _share;

    private NativeServers(ServerAddresses addresses, FileStream share)
    {
        Addresses = addresses;
        _share = share;
    }

    public ServerAddresses Addresses { get; }

    /// <summary>How old the figures of the broker's management API may be.</summary>
    public static TimeSpan StatisticsInterval { get; } = TimeSpan.FromMilliseconds(250);

    private static string Home { get; } = FindHome();

    private static string AddressesFile => Path.Combine(Home, "servers.json");

    private static string ShareFile => Path.Combine(Home, "users.lock");

    public static async Task<IStartedServers> StartAsync()
    {
        Directory.CreateDirectory(Home);
        await using var entry = await LockEntryAsync();
        if (TryLock(ShareFile, FileShare.None) is { } alone)
        {
            await using (alone)
            {
                await ClearAsync();
                await StartServersAsync();
            }
        }

        // No other process starts or ends its use while this one holds the entry lock.
        var share = TryLock(ShareFile, FileShare.Read) ?? throw new IOException($"{ShareFile} cannot be locked.");
        var addresses = JsonSerializer.Deserialize<ServerAddresses>(await File.ReadAllTextAsync(AddressesFile))!;
        return new NativeServers(addresses, share);
    }

    public async ValueTask DisposeAsync()
    {
        if (_share is null)
        {
            return;
        }

        await using var entry = await LockEntryAsync();
        await _share.DisposeAsync();
        _share = null;
        if (TryLock(ShareFile, FileShare.None) is { } alone)
        {
            await using (alone)
            {
                await ClearAsync();
            }
        }
    }

    /// <summary>Next to the shared servers' directories, so that the next run cleans up after a crash.</summary>
    public static string DedicatedPostgresDirectory() => Path.Combine(Home, $"postgres-{Guid.CreateVersion7():N}");

    /// <summary>With these settings in effect, also those that need a restart; returns a superuser's connection string.</summary>
    public static async Task<string> StartDedicatedPostgresAsync(string directory, IReadOnlyList<(string Name, string Value)> settings)
    {
        var password = RandomNumberGenerator.GetHexString(32, lowercase: true);
        Task<PostgresServer> StartAsync() =>
            PostgresServer.StartAsync(directory, FreePorts.Next(), password, durable: false, _ => { }, CancellationToken.None);
        var server = await StartAsync();
        await using (var connection = new NpgsqlConnection(server.AdminConnectionString() + ";Pooling=false"))
        {
            await connection.OpenAsync();
            foreach (var (name, value) in settings)
            {
                await using var command = new NpgsqlCommand($"ALTER SYSTEM SET {name} = '{value}'", connection);
                await command.ExecuteNonQueryAsync();
            }
        }

        return (await StartAsync()).AdminConnectionString(); // restarts it
    }

    public static async Task RemovePostgresAsync(string directory)
    {
        if (Directory.Exists(directory))
        {
            await PostgresServer.StopDirectoryAsync(directory, CancellationToken.None);
            Directory.Delete(directory, recursive: true);
        }
    }

    private static async Task StartServersAsync()
    {
        var password = RandomNumberGenerator.GetHexString(32, lowercase: true);
        void Log(string line) => Console.Error.WriteLine(line);
        var postgres = PostgresServer.StartAsync(
            Path.Combine(Home, "postgres"), FreePorts.Next(), password, durable: false, Log, CancellationToken.None);
        var rabbitMq = RabbitMqServer.StartAsync(
            Path.Combine(Home, "rabbitmq"),
            new RabbitMqPorts(FreePorts.Next(), FreePorts.Next(), FreePorts.Next(), FreePorts.Next()),
            password,
            StatisticsInterval,
            Log,
            CancellationToken.None);
        try
        {
            await Task.WhenAll(postgres, rabbitMq);
        }
        catch
        {
            await ClearAsync();
            throw;
        }

        var addresses = new ServerAddresses(
            (await postgres).AdminConnectionString(), (await rabbitMq).AdminAmqpUri(), (await rabbitMq).ManagementUri);
        await ServerProcesses.WritePrivateAsync(AddressesFile, JsonSerializer.Serialize(addresses), owner: null, CancellationToken.None);
    }

    /// <summary>Stops running servers and deletes their data: the next run starts empty.</summary>
    private static async Task ClearAsync()
    {
        File.Delete(AddressesFile);
        foreach (var directory in Directory.EnumerateDirectories(Home, "postgres*"))
        {
            await RemovePostgresAsync(directory);
        }

        var broker = Path.Combine(Home, "rabbitmq");
        if (Directory.Exists(broker))
        {
            await RabbitMqServer.KillDirectoryAsync(broker, CancellationToken.None);
            Directory.Delete(broker, recursive: true);
        }
    }

    private static async Task<FileStream> LockEntryAsync()
    {
        FileStream? entry = null;
        await Eventually.HoldsAsync(
            $"the lock {Home}/entry.lock is free (another test process is starting or stopping the servers)",
            () => (entry = TryLock(Path.Combine(Home, "entry.lock"), FileShare.None)) is not null);
        return entry!;
    }

    /// <summary>FileShare.None locks exclusively, FileShare.Read shares the lock with others that read; null if it is not available.</summary>
    private static FileStream? TryLock(string file, FileShare share)
    {
        try
        {
            if (!File.Exists(file))
            {
                File.Open(file, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite).Dispose();
            }

            return new FileStream(file, FileMode.Open, FileAccess.Read, share);
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static string FindHome()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (root is not null && !File.Exists(Path.Combine(root.FullName, "Shop.sln")))
        {
            root = root.Parent;
        }

        // Not in the working copy: PostgreSQL's user may not be able to reach it there.
        var key = SHA256.HashData(Encoding.UTF8.GetBytes($"{Environment.UserName}:{root?.FullName ?? AppContext.BaseDirectory}"));
        return Path.Combine(Path.GetTempPath(), $"shop-tests-{Convert.ToHexStringLower(key)[..12]}");
    }
}
