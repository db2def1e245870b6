using System.Data.Common;
using System.Globalization;

namespace Shop.Local.Servers;

/// <summary>
/// A PostgreSQL cluster in a directory, reachable on 127.0.0.1 with passwords only. PostgreSQL refuses to run as
/// root, so that root runs it as the user <c>postgres</c>; anyone else runs it as himself.
/// </summary>
internal sealed class PostgresServer : IAsyncDisposable
{
    private const string Superuser = "postgres";
    private readonly PostgresCluster _cluster;
    private readonly string _adminPassword;

    private PostgresServer(PostgresCluster cluster, int port, string adminPassword)
    {
        _cluster = cluster;
        Port = port;
        _adminPassword = adminPassword;
    }

    public string Host { get; } = "127.0.0.1";

    public int Port { get; }

    /// <summary>The process to watch or to kill: the postmaster.</summary>
    public int ProcessId { get; private init; }

    /// <summary>Starts a durable cluster, creating it where there is none. One that still runs there is restarted.</summary>
    /// <exception cref="ServerMissingException">PostgreSQL is not installed.</exception>
    public static Task<PostgresServer> StartAsync(
        string directory, int port, string adminPassword, Action<string> log, CancellationToken ct) =>
        StartAsync(directory, port, adminPassword, durable: true, log, ct);

    /// <summary>As above; a cluster that is not durable trades the data's survival of a power cut for speed: for tests.</summary>
    public static async Task<PostgresServer> StartAsync(
        string directory, int port, string adminPassword, bool durable, Action<string> log, CancellationToken ct)
    {
        var cluster = await PostgresCluster.OpenAsync(directory, ct);
        await cluster.StopAsync(TimeSpan.FromSeconds(20), ct);
        if (!cluster.Exists)
        {
            log($"Creating a PostgreSQL cluster in {directory}");
            await cluster.CreateAsync(adminPassword, ct);
        }

        await cluster.ConfigureAsync(port, durable, logical: true, ct);
        var server = new PostgresServer(cluster, port, adminPassword) { ProcessId = await cluster.StartAsync(ct) };
        try
        {
            // Otherwise every service's login could look into these two.
            await server.QueryAsync("postgres", "REVOKE CONNECT, TEMPORARY ON DATABASE postgres, template1 FROM PUBLIC;", ct);
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }

        log($"PostgreSQL listens on 127.0.0.1:{port} (process {server.ProcessId})");
        return server;
    }

    /// <summary>Stops a server that runs in the directory, no matter who started it.</summary>
    public static async Task StopDirectoryAsync(string directory, CancellationToken ct)
    {
        var cluster = await PostgresCluster.OpenAsync(directory, ct);
        await cluster.StopAsync(TimeSpan.FromSeconds(10), ct);
    }

    /// <summary>For Npgsql, as the superuser.</summary>
    public string AdminConnectionString(string database = "postgres") => ConnectionString(database, Superuser, _adminPassword);

    /// <summary>For Npgsql.</summary>
    public string ConnectionString(string database, string login, string password) => new DbConnectionStringBuilder
    {
        ["Host"] = Host,
        ["Port"] = Port,
        ["Database"] = database,
        ["Username"] = login,
        ["Password"] = password,
    }.ConnectionString;

    /// <summary>
    /// Makes sure of a database with its two logins, which no other login may connect to. May be called again; the logins then have
    /// the passwords given last, and what an older version of Shop left to the service's own login belongs to the owner.
    /// </summary>
    public async Task EnsureDatabaseAsync(
        string database, string login, string password, string ownerPassword, bool readsLog, CancellationToken ct)
    {
        await QueryAsync("postgres", $"""
            {DatabaseRoles.Logins(database, login, password, ownerPassword, readsLog)}
            SELECT format('CREATE DATABASE %I OWNER %I', {DatabaseRoles.Literal(database)}, {DatabaseRoles.Literal(DatabaseRoles.OwnerOf(login))})
              WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = {DatabaseRoles.Literal(database)}) \gexec
            """, ct);
        await QueryAsync(database, DatabaseRoles.Ownership(database, login), ct);
    }

    public async Task<bool> IsHealthyAsync(CancellationToken ct)
    {
        var ready = await ServerProcesses.RunAsync(
            _cluster.Program("pg_isready"), ["-q", "-t", "2", "-h", Host, "-p", PortText, "-d", "postgres"], ct);
        return ready.ExitCode == 0;
    }

    /// <summary>Breaks open connections off, writes everything and ends; kills what does not end in time.</summary>
    public Task StopAsync(CancellationToken ct) => _cluster.StopAsync(TimeSpan.FromSeconds(20), ct);

    public async ValueTask DisposeAsync() => await StopAsync(CancellationToken.None);

    private string PortText => Port.ToString(CultureInfo.InvariantCulture);

    private async Task QueryAsync(string database, string script, CancellationToken ct)
    {
        string[] arguments =
            ["-X", "-w", "-q", "-v", "ON_ERROR_STOP=1", "-h", Host, "-p", PortText, "-U", Superuser, "-d", database, "-f", "-"];
        var environment = new Dictionary<string, string> { ["PGPASSWORD"] = _adminPassword, ["PGCONNECT_TIMEOUT"] = "10" };
        var result = await ServerProcesses.RunAsync(_cluster.Program("psql"), arguments, ct, script, environment);
        result.OrThrow($"A command for PostgreSQL on port {Port}");
    }
}
