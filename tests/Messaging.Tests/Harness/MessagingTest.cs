using System.Text.Json;
using Shop.Contracts;

namespace Shop.Messaging.Tests.Harness;

/// <summary>A database and a virtual host of its own for every test: they break things.</summary>
public abstract class MessagingTest : IAsyncLifetime
{
    private readonly List<IAsyncDisposable> _ours = [];

    internal TestDatabase Database { get; private set; } = null!;

    internal TestVirtualHost Broker { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Database = await TestServers.CreateDatabaseAsync("messaging");
        Broker = await TestServers.CreateVirtualHostAsync("messaging");
        await Broker.LoadTopologyAsync("nobody"); // the other services' exchanges; of Ordering's, each test loads what it needs
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var ours in Enumerable.Reverse(_ours))
        {
            await ours.DisposeAsync();
        }

        await Broker.DisposeAsync();
        await Database.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>A service that is set up, and started unless the test wants to do that itself.</summary>
    internal async Task<TestService> ServiceAsync(
        bool consumes = false, bool relay = true, bool start = true, bool migrate = true,
        Action<Microsoft.Extensions.DependencyInjection.IServiceCollection>? services = null,
        IReadOnlyDictionary<string, string?>? settings = null,
        Action<Shop.ServiceDefaults.Messaging.MessagingBuilder>? consumers = null)
    {
        var all = new Dictionary<string, string?>(settings ?? new Dictionary<string, string?>())
        {
            ["Messaging:RelayEnabled"] = relay.ToString(),
        };
        var service = Own(TestService.Create(Database, Broker.UriOf("ordering"), all, consumes, services, consumers));
        if (migrate)
        {
            await service.MigrateAsync();
            await LoadTopologyAsync(service);
        }

        if (start)
        {
            await service.StartAsync();
        }

        return service;
    }

    /// <summary>Loads what this service needs, which is not what the real Ordering does: it has a consumer of its own.</summary>
    internal async Task LoadTopologyAsync(TestService service)
    {
        var definitions = service.Definitions;
        if (definitions["queues"]!.AsArray().Count == 0)
        {
            definitions["permissions"] = TestService.DefinitionsOfConsumer["permissions"]!.DeepClone();
        }

        await Broker.LoadAsync(definitions);
    }

    internal async Task<Probe> ProbeAsync(params string[] exchanges) => Own(await Probe.BindAsync(Broker, exchanges));

    /// <summary>Publishes an event as another service's relay would.</summary>
    internal async Task PublishAsync(IIntegrationEvent @event, string? type = null, object? headers = null)
    {
        var name = EventCatalog.NameOf(@event.GetType());
        var envelope = JsonSerializer.SerializeToUtf8Bytes(new
        {
            messageId = @event.EventId,
            conversationId = @event.EventId,
            messageType = new[] { "urn:message:" + (type ?? name) },
            message = JsonSerializer.SerializeToNode(@event, @event.GetType(), JsonSerializerOptions.Web),
        });
        Assert.True(await Broker.PublishAsync(name, "", envelope, new
        {
            delivery_mode = 2,
            content_type = "application/vnd.masstransit+json",
            message_id = @event.EventId.ToString(),
            headers = headers ?? new { },
        }), $"nothing is bound to {name}");
    }

    internal async Task OutboxIsEmptyAsync() => await Eventually.HoldsAsync("the outbox is empty", async () =>
        await Database.ScalarAsync<long>("SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM outbox_parked)") == 0);

    private T Own<T>(T ours)
        where T : IAsyncDisposable
    {
        _ours.Add(ours);
        return ours;
    }
}
