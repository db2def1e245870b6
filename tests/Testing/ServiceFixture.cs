using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;

namespace Shop.Testing;

/// <summary>
/// One complete service: its Program behind a real Kestrel, with its own database and virtual host, migrated by
/// its <c>migrate</c> command, as the broker user that it has in production. The test stands in for the other services:
/// their exchanges exist, <see cref="Wire"/> publishes their events, and receives everything that the service publishes.
/// </summary>
/// <remarks>A test project derives from it and adds xUnit's IAsyncLifetime, whose two methods are here.</remarks>
/// <typeparam name="TProgram">The service's Program.</typeparam>
public abstract class ServiceFixture<TProgram> : IAsyncDisposable
    where TProgram : class
{
    private static readonly string s_service = ServiceInstance.NameOf<TProgram>();

    private ServiceInstance? _instance;
    private TestDatabase? _database;
    private TestVirtualHost? _broker;
    private EventWire? _wire;

    /// <summary>The service's database.</summary>
    public TestDatabase Database => _database ?? throw NotStarted();

    /// <summary>The virtual host that the service and the test share.</summary>
    public TestVirtualHost Broker => _broker ?? throw NotStarted();

    /// <summary>The other services' side of the broker.</summary>
    public EventWire Wire => _wire ?? throw NotStarted();

    /// <summary>Configuration that a test overrides, by keys such as <c>Messaging:Prefetch</c>.</summary>
    protected virtual IReadOnlyDictionary<string, string?> Settings => new Dictionary<string, string?>();

    /// <summary>Makes the database and the virtual host, and starts the service.</summary>
    public virtual async ValueTask InitializeAsync()
    {
        _database = await MigratedDatabases.CreateAsync<TProgram>();
        _broker = await TestServers.CreateVirtualHostAsync(s_service);
        await _broker.LoadTopologyAsync(s_service);
        var settings = ServiceInstance.Settings(_database.RuntimeConnectionString, _broker.UriOf(s_service));
        foreach (var (key, value) in Settings)
        {
            settings[key] = value;
        }

        _wire = await EventWire.ConnectAsync(_broker, s_service + ".");
        _instance = ServiceInstance.Start<TProgram>(settings, ConfigureServices);
    }

    /// <summary>A client of the service, without a token where none is given.</summary>
    public HttpClient Client(string? token = null) => (_instance ?? throw NotStarted()).Client(token);

    /// <summary>The service's AsyncAPI document, requested without a token.</summary>
    public async Task<(string? ContentType, JsonNode? Document)> AsyncApiAsync()
    {
        using var client = Client();
        using var answer = await client.GetAsync("/asyncapi/v1.json");
        answer.EnsureSuccessStatusCode();
        return (answer.Content.Headers.ContentType?.ToString(), JsonNode.Parse(await answer.Content.ReadAsStringAsync()));
    }

    /// <summary>Stops the service and drops its database and virtual host.</summary>
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

    private static InvalidOperationException NotStarted() => new("The fixture was not initialized.");
}
