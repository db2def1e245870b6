using System.Diagnostics;
using System.Net.Http.Headers;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace Shop.Testing;

/// <summary>
/// A running instance of a service in the test's process: its Program behind a real Kestrel on a free port. A service is named
/// by its Program or any other public type of its assembly.
/// </summary>
public sealed class ServiceInstance : IAsyncDisposable
{
    private readonly IAsyncDisposable _factory;
    private readonly Uri _address;
    private readonly SocketsHttpHandler _connections = new() { AllowAutoRedirect = false, UseCookies = false };

    private ServiceInstance(IAsyncDisposable factory, Uri address, IServiceProvider services) =>
        (_factory, _address, Services) = (factory, address, services);

    /// <summary>The instance's services.</summary>
    public IServiceProvider Services { get; }

    /// <summary>A service's name: the prefix of its queues.</summary>
    public static string NameOf<TProgram>() => typeof(TProgram).Assembly.GetName().Name!.ToLowerInvariant();

    /// <summary>The configuration of every instance under test, without delays that only production needs.</summary>
    public static Dictionary<string, string?> Settings(string database, Uri broker)
    {
        ArgumentNullException.ThrowIfNull(broker);
        return new Dictionary<string, string?>(TestTokens.Configuration)
        {
            ["ConnectionStrings:Database"] = database,
            ["ConnectionStrings:rabbitmq"] = broker.AbsoluteUri,
            ["Messaging:RetryDelays:0"] = "00:00:00.050",
            ["Messaging:ConfirmTimeout"] = "00:02:00", // a relay that waits for a slow machine repeats nothing
            ["Messaging:RelayLease"] = "00:04:00",
            ["Logging:LogLevel:Default"] = "Error",
            ["RateLimits:ReadsPerSecond"] = "1000000", // tests send more requests per second than people; tests of the limits set their own
            ["RateLimits:ReadBurst"] = "1000000",
            ["RateLimits:WritesPerSecond"] = "1000000",
            ["RateLimits:WriteBurst"] = "1000000",
            ["RateLimits:AnonymousPerSecond"] = "1000000",
            ["RateLimits:AnonymousBurst"] = "1000000",
        };
    }

    /// <summary>Runs the real <c>migrate</c> command in a process of its own, as the AppHost does.</summary>
    public static async Task MigrateAsync<TProgram>(IReadOnlyDictionary<string, string?> settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
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
        using var timeout = new CancellationTokenSource(TimeSpan.FromMinutes(10));
        await process.WaitForExitAsync(timeout.Token);
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{NameOf<TProgram>()} migrate ended with {process.ExitCode}:\n{await output}{await errors}");
        }
    }

    /// <summary>Starts an instance.</summary>
    /// <param name="settings">All of its configuration; see <see cref="Settings"/>.</param>
    /// <param name="configureServices">Replaces services, such as the clock.</param>
    public static ServiceInstance Start<TProgram>(
        IReadOnlyDictionary<string, string?> settings, Action<IServiceCollection>? configureServices = null)
        where TProgram : class
    {
        var factory = new Factory<TProgram>(settings, configureServices ?? (_ => { }));
        factory.StartServer();
        using var client = factory.CreateClient();
        return new ServiceInstance(factory, client.BaseAddress!, factory.Services);
    }

    /// <summary>A client of the instance, without a token where none is given. All of them share their connections.</summary>
    public HttpClient Client(string? token = null)
    {
        var client = new HttpClient(_connections, disposeHandler: false) { BaseAddress = _address };
        client.DefaultRequestHeaders.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        return client;
    }

    /// <summary>Stops the instance as SIGTERM does.</summary>
    public async ValueTask DisposeAsync()
    {
        _connections.Dispose();
        await _factory.DisposeAsync();
    }

    private sealed class Factory<TProgram> : WebApplicationFactory<TProgram>
        where TProgram : class
    {
        private readonly IReadOnlyDictionary<string, string?> _settings;
        private readonly Action<IServiceCollection> _services;

        public Factory(IReadOnlyDictionary<string, string?> settings, Action<IServiceCollection> services)
        {
            (_settings, _services) = (settings, services);
            UseKestrel(); // the in-memory server enforces no limits
        }

        protected override void ConfigureWebHost(IWebHostBuilder builder)
        {
            builder.UseEnvironment("Testing");
            builder.UseUrls("http://127.0.0.1:0"); // not UseKestrel(port): it sets the address when the program may have started to listen
            builder.UseContentRoot(AppContext.BaseDirectory);
            foreach (var (key, value) in _settings)
            {
                builder.UseSetting(key, value); // unlike ConfigureAppConfiguration, visible to Program during registration
            }

            builder.ConfigureServices(_services);
        }
    }
}
