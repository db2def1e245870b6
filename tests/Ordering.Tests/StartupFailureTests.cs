using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace Shop.Ordering.Tests;

/// <summary>A problem of configuration or connection is one line that says what to do, and exit code 1, for each command and the service itself.</summary>
public sealed class StartupFailureTests
{
    private const string Database = "ConnectionStrings:Database";
    private const string Broker = "ConnectionStrings:rabbitmq";

    [Theory]
    [InlineData("migrate", Database, "", "'Database' is missing")]
    [InlineData("migrate", Database, "Hst=localhost;Database=x", "'Database' is malformed")]
    [InlineData("topology", Database, "Database=x", "there is no Host in it")]
    [InlineData("migrate", Broker, "", "'rabbitmq' is missing")]
    [InlineData("asyncapi", Broker, "rabbitmq:5672", "'rabbitmq' is no address of a broker")]
    [InlineData("", Broker, "http://rabbitmq:15672", "such as amqp://user:password@rabbitmq:5672/vhost")]
    [InlineData("topology", "Messaging:BatchSize", "many", "'many' at 'BatchSize'")]
    [InlineData("", "Ordering:AnswerDeadline", "-00:00:01", "AnswerDeadline")]
    [InlineData("", "Authentication:Schemes:Bearer:SigningKeys:0:Value", "not base64!", "signing key is malformed")]
    [InlineData("", "Authentication:Schemes:Bearer:SigningKeys:0:Value", "c2hvcnQ=", "of 32 bytes or more")]
    [InlineData("", "Authentication:Schemes:Bearer:ValidIssuer", "somebody else", "No token could be valid")]
    [InlineData("", "Authentication:Schemes:Bearer:ValidAudiences:0", "", "No token could be valid. Set Authentication__Schemes__Bearer__ValidAudiences__0")]
    [InlineData("", "Authentication:Schemes:Bearer:Authority", "http://id.example.com", "must be the https:// address")]
    [InlineData("", "ASPNETCORE_HTTP_PORTS", "eighty", "ASPNETCORE_HTTP_PORTS has 'eighty'; it must be ports")]
    [InlineData("migrate", "ASPNETCORE_HTTP_PORTS", "8080;80800", "ASPNETCORE_HTTP_PORTS has '80800'")]
    [InlineData("", "ASPNETCORE_URLS", "nonsense", "ASPNETCORE_URLS has 'nonsense'")]
    [InlineData("", "ASPNETCORE_URLS", "http://*:eighty", "ASPNETCORE_URLS has 'http://*:eighty'")]
    [InlineData("", "Management:Port", "metrics", "Management:Port is metrics")]
    [InlineData("", "Management:Port", "8081", "Management:Port is 8081, on which nobody would listen")]
    [InlineData("", "OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317", "it must be the address of a collector")]
    [InlineData("", "OTEL_SDK_DISABLED", "yes", "OTEL_SDK_DISABLED is 'yes'; it must be true or false")]
    [InlineData("", "SSL_CERT_FILE", "/nowhere/ca.crt", "it must be a file with certificates")]
    [InlineData("", "Logging:LogLevel:Default", "Loud", "Logging:LogLevel:Default is 'Loud'")]
    [InlineData("", "Logging:LogLevel:Default", "99", "Logging:LogLevel:Default is '99'")]
    [InlineData("", "Logging:LogLevel:Shop", "Debug, Error", "Logging:LogLevel:Shop is 'Debug, Error'")]
    [InlineData("", "Ingress:KnownNetworks:0", "10.42.0.0/99", "Ingress:KnownNetworks must contain networks")]
    [InlineData("", "RateLimits:ReadsPerSecond", "0", "ReadsPerSecond")]
    [InlineData("migrate", "Database:MigrateRetries", "soon", "'soon' at 'Database:MigrateRetries'")]
    [InlineData("", "Messaging:BatchSize", "0", "Messaging:BatchSize is 0; it must be 1 to 10000")]
    [InlineData("", "Messaging:PollInterval", "500", "Messaging:PollInterval is 500.00:00:00; it must be 00:00:00.0010000 to 24.00:00:00")]
    [InlineData("", "Messaging:RelayLease", "00:01:00", "must be shorter than Messaging:RelayLease")]
    [InlineData("", "Messaging:RelayEnabled", "yes", "'yes' at 'RelayEnabled'")]
    [InlineData("", "Messaging:Relay", "Tailing", "'Tailing' at 'Relay'")]
    [InlineData("migrat", "Any", "", "There is no command 'migrat'. Commands are migrate, topology and asyncapi")]
    public async Task A_mistake_in_the_configuration_is_one_line(string command, string key, string value, string expected)
    {
        var settings = Settings("Host=127.0.0.1;Port=1;Database=x;Username=x;Password=hunter2");
        settings[key] = value;

        await FailsAsync(command, settings, expected);
    }

    [Fact]
    public async Task A_database_that_does_not_come_is_one_line_an_attempt_and_one_at_the_end()
    {
        var settings = Settings("Host=127.0.0.1;Port=1;Database=nowhere;Username=x;Password=hunter2");
        settings["Database:MigrateRetries"] = "00:00:20"; // a busy machine takes some of them for the first attempt

        var lines = await RunAsync("migrate", settings, expectedCode: 1);

        Assert.InRange(lines.Count, 2, 8);
        Assert.All(lines, line => Assert.StartsWith("ordering: The database 'nowhere' at 127.0.0.1:", line, StringComparison.Ordinal));
        Assert.All(lines[..^1], line => Assert.Contains("Next attempt in ", line, StringComparison.Ordinal));
        Assert.Contains("is unreachable: Connection refused", lines[^1], StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", string.Join('\n', lines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Migrate_waits_for_a_database_and_a_login_that_come_later()
    {
        await using var database = await TestServers.CreateDatabaseAsync("late");
        var there = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        await using var wire = new FaultyWire(there.Host!, there.Port);
        wire.Lose();
        await using var admin = NpgsqlDataSource.Create(database.AdminConnectionString);
        var login = database.Name + "_late";
        var settings = Settings(new NpgsqlConnectionStringBuilder(database.ConnectionString) { Host = "127.0.0.1", Port = wire.Port }.ConnectionString);
        settings["Database:RuntimeRole"] = login;
        using var process = Start("migrate", settings);
        var output = new Lines(process);

        await Eventually.HoldsAsync("it cannot reach the database", () => Task.FromResult(output.Contain("is unreachable: ")));
        wire.Restore();
        await Eventually.HoldsAsync("it reaches the database, and lacks the login", () => Task.FromResult(output.Contain($"role \"{login}\" does not exist")));
        await ExecuteAsync(admin, $"CREATE ROLE \"{login}\"");
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.Equal(0, process.ExitCode);
        Assert.False(output.Contain("   at "), "it wrote a stack trace");
        Assert.True(await database.ScalarAsync<bool>($"SELECT has_table_privilege('{login}', 'orders', 'INSERT')"));
        await ExecuteAsync(admin, $"DROP OWNED BY \"{login}\"; DROP ROLE \"{login}\"");
    }

    [Theory]
    [InlineData("Password", "wrong", "refuses the login")]
    [InlineData("Database", "nowhere", "database \"nowhere\" does not exist")]
    [InlineData("Options", "-c default_transaction_read_only=on", "Connect to the primary")]
    public async Task A_refused_connection_is_not_retried(string key, string value, string expected)
    {
        await using var database = await TestServers.CreateDatabaseAsync("refused");

        await FailsAsync("migrate", Settings(new NpgsqlConnectionStringBuilder(database.ConnectionString) { [key] = value }.ConnectionString), expected);
    }

    [Fact]
    public async Task A_service_whose_port_is_in_use_says_so()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var settings = Settings("Host=127.0.0.1;Port=1;Database=x;Username=x");
        settings["ASPNETCORE_URLS"] = $"http://{taken.LocalEndpoint}";

        await FailsAsync("", settings, "address already in use");
    }

    /// <summary>The negative control: a bug keeps its stack trace, and the exit code is the same.</summary>
    [Fact]
    public async Task A_failing_migration_keeps_its_stack_trace()
    {
        await using var database = await TestServers.CreateDatabaseAsync("broken");
        await database.ExecuteAsync("CREATE TABLE ix_orders_status_id (one int)");

        var lines = await RunAsync("migrate", Settings(database.ConnectionString), expectedCode: 1);

        Assert.Contains(lines, line => line.StartsWith("   at ", StringComparison.Ordinal));
    }

    private static Dictionary<string, string?> Settings(string database) => new(ServiceInstance.Settings(database, new Uri("amqp://x:x@127.0.0.1:1/shop")))
    {
        ["Logging:LogLevel:Default"] = "None", // what runs beside it complains about unreachable servers
        ["Logging:LogLevel:Microsoft.Extensions.Hosting"] = "Error", // which logs a failed start, with its stack trace
        ["ASPNETCORE_URLS"] = null,
    };

    private static async Task FailsAsync(string command, Dictionary<string, string?> settings, string expected)
    {
        var line = Assert.Single(await RunAsync(command, settings, expectedCode: 1));

        Assert.StartsWith("ordering: ", line, StringComparison.Ordinal);
        Assert.Contains(expected, line, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", line, StringComparison.Ordinal);
    }

    /// <summary>What it writes, on both outputs.</summary>
    private static async Task<List<string>> RunAsync(string command, Dictionary<string, string?> settings, int expectedCode)
    {
        using var process = Start(command, settings);
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        try
        {
            await Eventually.HoldsAsync("it ends, and does not start", () => process.HasExited);
        }
        finally
        {
            process.Kill(entireProcessTree: true); // does nothing to one that has ended
        }

        var lines = (await output + await errors).Split('\n', StringSplitOptions.RemoveEmptyEntries).ToList();
        Assert.True(process.ExitCode == expectedCode, $"It ended with {process.ExitCode}:\n{string.Join('\n', lines)}");
        return lines;
    }

    private static Process Start(string command, Dictionary<string, string?> settings)
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
        {
            ArgumentList = { typeof(Program).Assembly.Location },
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (command.Length > 0)
        {
            start.ArgumentList.Add(command);
        }

        foreach (var (key, value) in settings)
        {
            start.Environment[key.Replace(":", "__", StringComparison.Ordinal)] = value;
        }

        return Process.Start(start)!;
    }

    private static async Task ExecuteAsync(NpgsqlDataSource server, string sql)
    {
        await using var command = server.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>What a running process has written so far.</summary>
    private sealed class Lines
    {
        private readonly ConcurrentQueue<string> _lines = new();

        public Lines(Process process)
        {
            process.ErrorDataReceived += (_, line) => _lines.Enqueue(line.Data ?? "");
            process.OutputDataReceived += (_, line) => _lines.Enqueue(line.Data ?? "");
            process.BeginErrorReadLine();
            process.BeginOutputReadLine();
        }

        public bool Contain(string text) => _lines.Any(line => line.Contains(text, StringComparison.Ordinal));
    }
}
