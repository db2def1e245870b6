using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Npgsql;
using Shop.Local.Servers;

namespace Shop.Testing;

/// <summary>
/// Servers with TLS, with certificates of a test authority: the tests' broker, at one more port, and their own
/// PostgreSQL. Their certificate is valid for <c>localhost</c> and not for 127.0.0.1, where they listen too.
/// </summary>
public sealed class TlsServers : IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("shop-tls-").FullName;
    private readonly string _data = NativeServers.DedicatedPostgresDirectory();
    private readonly int _brokerPort = FreePorts.Next();
    private ServerAddresses? _shared;
    private PostgresServer? _postgres;

    private TlsServers()
    {
    }

    /// <summary>The certificate of the authority that signed the servers', as a file (PEM).</summary>
    public string Authority => In("ca.crt");

    /// <summary>The certificate of an authority that signed nothing of theirs.</summary>
    public string OtherAuthority => In("other.crt");

    /// <summary>Creates the certificates, and configures the servers with them.</summary>
    public static async Task<TlsServers> StartAsync()
    {
        var servers = new TlsServers();
        try
        {
            await servers.MakeCertificatesAsync();
            servers._shared = await TestServers.AddressesAsync();
            await Task.WhenAll(servers.StartPostgresAsync(), servers.ListenAsync());
            return servers;
        }
        catch
        {
            await servers.DisposeAsync();
            throw;
        }
    }

    /// <summary>A broker's address, by TLS.</summary>
    public Uri Encrypted(Uri broker, string host = "localhost") => new UriBuilder(broker) { Scheme = "amqps", Host = host, Port = _brokerPort }.Uri;

    /// <summary>A new database of the PostgreSQL with TLS, with connection strings like production's.</summary>
    public Task<TestDatabase> CreateDatabaseAsync() => TestDatabase.CreateAsync(
        Verified(_postgres!.AdminConnectionString(), "localhost", Authority), TestServers.UniqueName("tls"));

    /// <summary>A connection string with the server's certificate verified.</summary>
    public static string Verified(string connectionString, string host, string authority) => new NpgsqlConnectionStringBuilder(connectionString)
    {
        Host = host,
        SslMode = SslMode.VerifyFull,
        RootCertificate = authority,
    }.ConnectionString;

    /// <summary>The names of a service's connections to a virtual host, and whether each of them is encrypted.</summary>
    public async Task<IReadOnlyList<(string Name, bool Encrypted)>> ConnectionsAsync(TestVirtualHost broker, string user)
    {
        ArgumentNullException.ThrowIfNull(broker);
        using var api = new ManagementApi(_shared!);
        var connections = await api.GetAsync($"vhosts/{broker.Name}/connections");
        return [.. connections.EnumerateArray()
            .Where(connection => connection.TryGetProperty("user", out var of) && of.GetString()!.StartsWith(user, StringComparison.Ordinal))
            .Select(connection => (connection.GetProperty("user_provided_name").GetString()!, connection.GetProperty("ssl").GetBoolean()))];
    }

    /// <summary>Stops the PostgreSQL; the broker's port closes with the broker.</summary>
    public async ValueTask DisposeAsync()
    {
        await NativeServers.RemovePostgresAsync(_data);
        Directory.Delete(_directory, recursive: true);
    }

    private async Task MakeCertificatesAsync()
    {
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(_directory, (UnixFileMode)0b111_101_101); // PostgreSQL's user passes through
        }

        var now = DateTimeOffset.UnixEpoch.AddYears(50);
        using var authority = Authorize("Shop's test authority", now);
        using var other = Authorize("Another authority", now);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], critical: false));
        using var certificate = request.Create(authority, now, now.AddYears(100), RandomNumberGenerator.GetBytes(8));
        await File.WriteAllTextAsync(Authority, authority.ExportCertificatePem());
        await File.WriteAllTextAsync(OtherAuthority, other.ExportCertificatePem());
        await File.WriteAllTextAsync(In("server.crt"), certificate.ExportCertificatePem());
        await ServerProcesses.WritePrivateAsync(In("broker.key"), key.ExportPkcs8PrivateKeyPem(), owner: null, CancellationToken.None);
        await ServerProcesses.WritePrivateAsync(
            In("postgres.key"), key.ExportPkcs8PrivateKeyPem(), ServerProcesses.AmRoot ? "postgres" : null, CancellationToken.None);
    }

    private static X509Certificate2 Authorize(string name, DateTimeOffset from)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
        return request.CreateSelfSigned(from, from.AddYears(100));
    }

    private async Task StartPostgresAsync()
    {
        _postgres = await PostgresServer.StartAsync(
            _data, FreePorts.Next(), RandomNumberGenerator.GetHexString(32), durable: false, _ => { }, CancellationToken.None);
        await using (var source = NpgsqlDataSource.Create(_postgres.AdminConnectionString()))
        {
            foreach (var sql in (string[])[
                $"ALTER SYSTEM SET ssl_cert_file = '{In("server.crt")}'", $"ALTER SYSTEM SET ssl_key_file = '{In("postgres.key")}'",
                "ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()"])
            {
                await using var command = source.CreateCommand(sql);
                await command.ExecuteNonQueryAsync();
            }
        }

        await Eventually.HoldsAsync("PostgreSQL accepts TLS", async () =>
        {
            await using var encrypted = new NpgsqlConnection(Verified(_postgres.AdminConnectionString(), "localhost", Authority));
            await encrypted.OpenAsync();
            return true;
        });
    }

    /// <summary>Has the running broker listen at one more port, in its own environment: the tool has to find the node and its cookie.</summary>
    private async Task ListenAsync()
    {
        using var api = new ManagementApi(_shared!);
        var nodes = await api.GetAsync("nodes");
        var mark = Encoding.UTF8.GetBytes($"RABBITMQ_NODENAME={nodes[0].GetProperty("name").GetString()}\0");
        var node = ServerProcesses.Find(process =>
            File.ReadAllText(Path.Combine(process, "comm")).StartsWith("beam", StringComparison.Ordinal)
            && File.ReadAllBytes(Path.Combine(process, "environ")).AsSpan().IndexOf(mark) >= 0)[0];
        var environment = (await File.ReadAllTextAsync($"/proc/{node}/environ")).Split('\0', StringSplitOptions.RemoveEmptyEntries)
            .Select(setting => setting.Split('=', 2)).ToDictionary(setting => setting[0], setting => setting[1]);
        var listened = await ServerProcesses.RunAsync(
            "/usr/lib/rabbitmq/bin/rabbitmqctl",
            ["eval", $"rabbit_networking:ensure_ssl(), rabbit_networking:start_ssl_listener({{\"{IPAddress.Loopback}\", {_brokerPort}}}, "
                + $"[{{cacertfile, \"{Authority}\"}}, {{certfile, \"{In("server.crt")}\"}}, {{keyfile, \"{In("broker.key")}\"}}], 1)."],
            CancellationToken.None,
            environment: environment);
        listened.OrThrow("Listening with TLS");
    }

    private string In(string name) => Path.Combine(_directory, name);
}
