using System.Globalization;

namespace Shop.Local.Servers;

/// <summary>The files and processes of one PostgreSQL cluster.</summary>
internal sealed class PostgresCluster
{
    private readonly string _programs;
    private readonly string _directory;
    private readonly string[] _runAs;

    private PostgresCluster(string programs, string directory, string[] runAs)
    {
        _programs = programs;
        _directory = directory;
        _runAs = runAs;
    }

    public bool Exists => File.Exists(Path.Combine(Data, "PG_VERSION"));

    /// <summary>Part of PostgreSQL, but some distributions pack it separately.</summary>
    private bool HasStatementStatistics => File.Exists(Path.Combine(_programs, "..", "lib", "pg_stat_statements.so"));

    /// <summary>With slots it starts with a logical log only.</summary>
    private bool HasSlots => Directory.EnumerateDirectories(Path.Combine(Data, "pg_replslot")).Any();

    private string Data => Path.Combine(_directory, "data");

    private string LogFile => Path.Combine(_directory, "postgres.log");

    public static async Task<PostgresCluster> OpenAsync(string directory, CancellationToken ct)
    {
        Directory.CreateDirectory(directory);
        var real = await ServerProcesses.RunAsync("realpath", [directory], ct);
        directory = real.OrThrow("realpath").Output.Trim();
        if (!ServerProcesses.AmRoot)
        {
            return new PostgresCluster(FindPrograms(), directory, []);
        }

        var programs = FindPrograms();
        await ServerProcesses.MakePrivateDirectoryAsync(directory, "postgres", ct);
        return new PostgresCluster(programs, directory, await RunAsPostgresAsync(directory, ct));
    }

    /// <summary>The server in the foreground, as the user who may run it.</summary>
    public IReadOnlyList<string> Command => [.. _runAs, Program("postgres"), "-D", Data];

    public string Program(string name) => Path.Combine(_programs, name);

    /// <summary>A creation that is cut short leaves no half cluster: it happens beside, and is renamed at its end.</summary>
    public async Task CreateAsync(string adminPassword, CancellationToken ct)
    {
        var unfinished = Path.Combine(_directory, "data.new");
        var passwordFile = Path.Combine(_directory, "password.new");
        if (Directory.Exists(unfinished))
        {
            Directory.Delete(unfinished, recursive: true);
        }

        await WriteAsync(passwordFile, adminPassword, ct);
        var created = await RunAsync("initdb",
            ["-D", unfinished, "-U", "postgres", "-A", "scram-sha-256", $"--pwfile={passwordFile}", "-E", "UTF8",
                "--locale=C.UTF-8", "--no-instructions"], ct);
        File.Delete(passwordFile);
        created.OrThrow("initdb");
        Directory.Move(unfinished, Data);
    }

    /// <summary>Written at each start, so that a cluster of an older version of Shop gets today's settings.</summary>
    /// <param name="port">Where it listens.</param>
    /// <param name="durable">Whether it survives a power cut.</param>
    /// <param name="logical">Whether its log can be read (log tailing), which makes the log larger.</param>
    /// <param name="ct">Cancels.</param>
    public async Task ConfigureAsync(int port, bool durable, bool logical, CancellationToken ct)
    {
        var onOff = durable ? "on" : "off";
        await WriteAsync(Path.Combine(Data, "postgresql.conf"), $"""
            listen_addresses = '127.0.0.1'
            port = {port}
            unix_socket_directories = ''
            max_connections = 1000
            password_encryption = 'scram-sha-256'
            shared_buffers = '128MB'
            wal_level = {(logical || HasSlots ? "logical" : "replica")}
            max_replication_slots = 64
            max_wal_senders = 64
            max_slot_wal_keep_size = '2GB'
            fsync = {onOff}
            full_page_writes = {onOff}
            synchronous_commit = {onOff}
            jit = off
            timezone = 'UTC'
            log_timezone = 'UTC'
            log_checkpoints = off
            {(HasStatementStatistics ? "shared_preload_libraries = 'pg_stat_statements'" : "")}

            """, ct);
        await WriteAsync(Path.Combine(Data, "pg_hba.conf"), """
            # No line for "replication": a login that reads its own database's log must not copy the whole cluster.
            host all all 127.0.0.1/32 scram-sha-256

            """, ct);
    }

    /// <summary>Starts and waits until connections are accepted; the process's id.</summary>
    public async Task<int> StartAsync(CancellationToken ct)
    {
        if (File.Exists(LogFile))
        {
            File.Move(LogFile, LogFile + ".old", overwrite: true);
        }

        // pg_ctl makes a session of its own for the server: Ctrl+C in a terminal reaches only its owner, which stops it in order.
        var started = await RunAsync("pg_ctl", ["start", "-w", "-t", "60", "-s", "-D", Data, "-l", LogFile], ct);
        return started.ExitCode == 0 && PostmasterId() is { } id
            ? id
            : throw new InvalidOperationException(
                $"PostgreSQL did not start: {started.Output.Trim()}{Environment.NewLine}{ServerProcesses.Tail(LogFile)}");
    }

    /// <summary>Ends every process of this cluster, also those that outlived a killed postmaster; does nothing if there is none.</summary>
    public async Task StopAsync(TimeSpan timeout, CancellationToken ct)
    {
        if (Processes().Count > 0)
        {
            const int FastShutdown = 2; // SIGINT
            if (PostmasterId() is { } id && Processes().Contains(id))
            {
                ServerProcesses.Signal([id], FastShutdown);
            }

            var ended = await ServerProcesses.WaitAsync(() => Processes().Count == 0, timeout, ct);
            if (!ended)
            {
                ServerProcesses.Signal(Processes(), ServerProcesses.Kill);
                await ServerProcesses.WaitAsync(() => Processes().Count == 0, TimeSpan.FromSeconds(5), ct);
            }
        }

        // Only now: while a process of the cluster lives, this file is what protects the data from a second postmaster. Without
        // one it does harm after a kill -9, when its process id belongs to something else by now.
        if (Exists && Processes().Count == 0)
        {
            File.Delete(Path.Combine(Data, "postmaster.pid"));
        }
    }

    private IReadOnlyList<int> Processes() =>
        ServerProcesses.Find(process => new FileInfo(Path.Combine(process, "cwd")).LinkTarget == Data
            && File.ReadAllText(Path.Combine(process, "comm")).StartsWith("postgres", StringComparison.Ordinal));

    private int? PostmasterId() => PostmasterId(Data);

    /// <summary>The process that a cluster's own file names; null when there is none.</summary>
    public static int? PostmasterId(string data)
    {
        var file = Path.Combine(data, "postmaster.pid");
        return File.Exists(file)
            && int.TryParse(File.ReadLines(file).FirstOrDefault(), NumberStyles.None, CultureInfo.InvariantCulture, out var id)
                ? id
                : null;
    }

    private Task<ToolResult> RunAsync(string program, string[] arguments, CancellationToken ct)
    {
        string[] command = [.. _runAs, Program(program), .. arguments];
        return ServerProcesses.RunAsync(
            command[0], command[1..], ct, environment: new Dictionary<string, string> { ["LC_ALL"] = "C.UTF-8" });
    }

    private static Task WriteAsync(string file, string content, CancellationToken ct) =>
        ServerProcesses.WritePrivateAsync(file, content, ServerProcesses.AmRoot ? "postgres" : null, ct);

    private static string FindPrograms()
    {
        const string Debian = "/usr/lib/postgresql";
        var installed = Directory.Exists(Debian)
            ? Directory.EnumerateDirectories(Debian)
                .OrderByDescending(version => int.TryParse(Path.GetFileName(version), CultureInfo.InvariantCulture, out var number) ? number : 0)
                .Select(version => Path.Combine(version, "bin"))
            : [];
        var onPath = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        return installed.Concat(onPath).FirstOrDefault(directory =>
                File.Exists(Path.Combine(directory, "postgres"))
                && File.Exists(Path.Combine(directory, "initdb"))
                && File.Exists(Path.Combine(directory, "psql")))
            ?? throw ServerMissingException.For("PostgreSQL", "postgresql");
    }

    /// <summary>The command before a command that makes root run it as <c>postgres</c>.</summary>
    private static async Task<string[]> RunAsPostgresAsync(string directory, CancellationToken ct)
    {
        string[] plain = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"];

        // A repository under /root is closed to the user postgres. Rather than open root's home, only these processes may pass.
        string[] passing = [.. plain, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"];
        foreach (var runAs in (string[][])[plain, passing])
        {
            // Not `test -w`: access(2), which it asks, leaves capabilities out.
            var tried = await ServerProcesses.RunAsync(runAs[0], [.. runAs[1..], "stat", "-t", directory + "/."], ct);
            if (tried.ExitCode == 0)
            {
                return runAs;
            }
        }

        throw new InvalidOperationException(
            $"PostgreSQL runs as the user postgres, which cannot reach {directory}: a directory above it is closed to other users. "
            + "Open it (chmod o+x), or set SHOP_HOME to a directory elsewhere.");
    }
}
