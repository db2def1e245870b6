using System.Diagnostics;
using System.Net.Http.Headers;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.Extensions.DependencyInjection;
using Shop.Contracts;

namespace Shop.Testing;

/// <summary>
/// One service, whole and real: its Program behind a real Kestrel, with a database and a virtual host of its own, migrated by
/// its own <c>migrate</c> command, as the broker user that it has in production. The other services are played by the test:
/// their exchanges are there, <see cref="Wire"/> publishes as they would, and hears everything that the service publishes.
/// </summary>
/// <remarks>A test project derives from it and adds xUnit's IAsyncLifetime, whose two methods are here.</remarks>
/// <typeparam name="TProgram">The service's Program.</typeparam>
public abstract class ServiceFixture<TProgram> : IAsyncDisposable
    where TProgram : class
{
    private static readonly string s_service = typeof(TProgram).Assembly.GetName().Name!.ToLowerInvariant();

    private Instance? _instance;
    private TestDatabase? _database;
    private TestVirtualHost? _broker;
    private EventWire? _wire;

    /// <summary>The service's database.</summary>
    public TestDatabase Database => _database ?? throw NotStarted();

    /// <summary>The virtual host that the service and the test share.</summary>
    public TestVirtualHost Broker => _broker ?? throw NotStarted();

    /// <summary>The other services' side of the broker.</summary>
    public EventWire Wire => _wire ?? throw NotStarted();

    /// <summary>Configuration that a test wants to differ, by keys such as <c>Messaging:Prefetch</c>.</summary>
    protected virtual IReadOnlyDictionary<string, string?> Settings => new Dictionary<string, string?>();

    /// <summary>Makes the database and the virtual host, migrates, and starts the service.</summary>
    public virtual async ValueTask InitializeAsync()
    {
        _database = await TestServers.CreateDatabaseAsync(s_service);
        _broker = await TestServers.CreateVirtualHostAsync(s_service);
        foreach (var exchange in EventCatalog.Names)
        {
            await _broker.DeclareExchangeAsync(exchange);
        }

        var own = $@"^{s_service}\..*$";
        var user = await _broker.CreateUserAsync(
            s_service, own, own, $@"^({s_service}\..*|(ordering|inventory|notification|analytics)\..*\.v\d+)$");
        var settings = new Dictionary<string, string?>(TestTokens.Configuration)
        {
            ["ConnectionStrings:Database"] = _database.ConnectionString,
            ["ConnectionStrings:rabbitmq"] = user.AbsoluteUri,
            ["Logging:LogLevel:Default"] = "Error",
        };
        foreach (var (key, value) in Settings)
        {
            settings[key] = value;
        }

        await BeforeMigrationAsync();
        await MigrateAsync(settings);
        _wire = await EventWire.ConnectAsync(_broker.AmqpUri, s_service);
        _instance = new Instance(settings, ConfigureServices);
        _instance.StartServer();
    }

    /// <summary>A client of the service, without a token where none is given.</summary>
    public HttpClient Client(string? token = null)
    {
        var client = (_instance ?? throw NotStarted()).CreateClient();
        client.DefaultRequestHeaders.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        return client;
    }

    /// <summary>Stops the service and drops what was made for it.</summary>
    public virtual async ValueTask DisposeAsync()
    {
        foreach (var resource in (IAsyncDisposable?[])[_instance, _wire, _broker, _database])
        {
            if (resource is not null)
            {
                await resource.DisposeAsync();
            }
        }

        GC.SuppressFinalize(this);
    }

    /// <summary>Replaces services, such as the clock.</summary>
    protected virtual void ConfigureServices(IServiceCollection services)
    {
    }

    /// <summary>The database and the virtual host are there and empty: a test can put an earlier version's data there.</summary>
    protected virtual Task BeforeMigrationAsync() => Task.CompletedTask;

    private static InvalidOperationException NotStarted() => new("The fixture was not initialized.");

    /// <summary>Runs the real command in a process of its own, as the AppHost does.</summary>
    private static async Task MigrateAsync(Dictionary<string, string?> settings)
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
        {
            ArgumentList = { typeof(TProgram).Assembly.Location, "migrate" },
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (key, value) in settings)
        {
            start.Environment[key.Replace(":", "__", StringComparison.Ordinal)] = value;
        }

        using var process = Process.Start(start)!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        await process.WaitForExitAsync(patience.Token);
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{s_service} migrate ended with {process.ExitCode}:\n{await output}{await errors}");
        }
    }

    private sealed class Instance : WebApplicationFactory<TProgram>
    {
        private readonly IReadOnlyDictionary<string, string?> _settings;
        private readonly Action<IServiceCollection> _services;

        public Instance(IReadOnlyDictionary<string, string?> settings, Action<IServiceCollection> services)
        {
            (_settings, _services) = (settings, services);
            UseKestrel(0); // the in-memory server enforces no limits
        }

        protected override void ConfigureWebHost(IWebHostBuilder builder)
        {
            builder.UseEnvironment("Testing");
            builder.UseContentRoot(AppContext.BaseDirectory);
            foreach (var (key, value) in _settings)
            {
                builder.UseSetting(key, value); // unlike ConfigureAppConfiguration, seen by Program while it registers things
            }

            builder.ConfigureServices(_services);
        }
    }
}
