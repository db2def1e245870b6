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
    private readonly Func<HttpClient> _client;

    private ServiceInstance(IAsyncDisposable factory, Func<HttpClient> client, IServiceProvider services) =>
        (_factory, _client, Services) = (factory, client, services);

    /// <summary>What the instance is made of.</summary>
    public IServiceProvider Services { get; }

    /// <summary>A service's name: the first part of what it has in the broker.</summary>
    public static string NameOf<TProgram>() => typeof(TProgram).Assembly.GetName().Name!.ToLowerInvariant();

    /// <summary>A service's user in a virtual host, with the permissions that it has in production; its amqp URI.</summary>
    public static Task<Uri> CreateUserAsync<TProgram>(TestVirtualHost broker)
    {
        ArgumentNullException.ThrowIfNull(broker);
        var service = NameOf<TProgram>();
        var own = $@"^{service}\..*$";
        return broker.CreateUserAsync(
            service, own, own, $@"^({service}\..*|(ordering|inventory|notification|analytics)\..*\.v\d+)$");
    }

    /// <summary>The configuration that every instance under test needs, without delays that only production wants.</summary>
    public static Dictionary<string, string?> Settings(string database, Uri broker)
    {
        ArgumentNullException.ThrowIfNull(broker);
        return new Dictionary<string, string?>(TestTokens.Configuration)
        {
            ["ConnectionStrings:Database"] = database,
            ["ConnectionStrings:rabbitmq"] = broker.AbsoluteUri,
            ["Messaging:RetryDelays:0"] = "00:00:00.050",
            ["WarmUp:AtMost"] = "00:00:00",
            ["Logging:LogLevel:Default"] = "Error",
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
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        await process.WaitForExitAsync(patience.Token);
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
        return new ServiceInstance(factory, factory.CreateClient, factory.Services);
    }

    /// <summary>A client of the instance, without a token where none is given.</summary>
    public HttpClient Client(string? token = null)
    {
        var client = _client();
        client.DefaultRequestHeaders.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        return client;
    }

    /// <summary>Stops the instance as SIGTERM does.</summary>
    public ValueTask DisposeAsync() => _factory.DisposeAsync();

    private sealed class Factory<TProgram> : WebApplicationFactory<TProgram>
        where TProgram : class
    {
        private readonly IReadOnlyDictionary<string, string?> _settings;
        private readonly Action<IServiceCollection> _services;

        public Factory(IReadOnlyDictionary<string, string?> settings, Action<IServiceCollection> services)
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
