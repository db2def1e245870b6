using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Shop.Contracts;
using Shop.Messaging.LogTailing;
using Shop.Messaging.RabbitMq;
using Shop.Messaging.Relay;

namespace Shop.Messaging.Tests.Harness;

/// <summary>A database and a virtual host of its own for every test: they break things.</summary>
public abstract class MessagingTest : IAsyncLifetime
{
    private readonly List<IAsyncDisposable> _ours = [];

    internal TestDatabase Database { get; private set; } = null!;

    internal TestVirtualHost Broker { get; private set; } = null!;

    /// <summary>How events get to the broker in this class; a class that derives from it runs the same tests with the other strategy.</summary>
    internal virtual RelayKind Relay => RelayKind.Polling;

    public async ValueTask InitializeAsync()
    {
        Database = await CreateDatabaseAsync();
        Broker = await TestServers.CreateVirtualHostAsync("messaging");
        await Broker.LoadTopologyAsync("nobody"); // the other services' exchanges; of Ordering's, each test loads what it needs
    }

    /// <summary>Of the shared server, unless a class needs one with other settings.</summary>
    internal virtual Task<TestDatabase> CreateDatabaseAsync() => TestServers.CreateDatabaseAsync("messaging");

    public virtual async ValueTask DisposeAsync()
    {
        foreach (var ours in Enumerable.Reverse(_ours))
        {
            await ours.DisposeAsync();
        }

        await Broker.DisposeAsync();
        await Database.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>A service that is set up and, unless the test does that itself, started.</summary>
    internal async Task<TestService> ServiceAsync(
        bool consumes = false, bool relay = true, bool start = true, bool migrate = true,
        Action<Microsoft.Extensions.DependencyInjection.IServiceCollection>? services = null,
        IReadOnlyDictionary<string, string?>? settings = null,
        Action<Shop.Messaging.MessagingBuilder>? consumers = null)
    {
        var all = new Dictionary<string, string?>(settings ?? new Dictionary<string, string?>())
        {
            ["Messaging:RelayEnabled"] = relay.ToString(),
        };
        if (Relay == RelayKind.LogTailing)
        {
            all.TryAdd("Messaging:Relay", nameof(RelayKind.LogTailing));
        }

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
        var name = ShopEvents.Catalog.NameOf(@event.GetType());
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

    internal async Task OutboxIsEmptyAsync()
    {
        if (Relay == RelayKind.LogTailing)
        {
            await LogIsReadAsync();
        }

        await Eventually.HoldsAsync("the outbox is empty", async () =>
            await Database.ScalarAsync<long>("SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM outbox_parked)") == 0);
    }

    /// <summary>Everything that was in the log by now is confirmed by the broker, or is a row.</summary>
    internal async Task LogIsReadAsync()
    {
        var now = await Database.ScalarAsync<string>(LogSlot.Heartbeat);
        await Eventually.HoldsAsync("the log is read", () => Database.ScalarAsync<bool>(
            $"SELECT confirmed_flush_lsn >= '{now}' FROM pg_replication_slots WHERE database = current_database()"));
    }

    /// <summary>How many committed events wait for a relay, while none runs.</summary>
    internal async Task<long> CountStoredAsync() => await Database.ScalarAsync<long>("SELECT count(*) FROM outbox")
        + (Relay == RelayKind.LogTailing ? await CountLoggedAsync() : 0);

    /// <summary>Events that are committed to the log and not confirmed; no relay may read the log meanwhile.</summary>
    internal async Task<long> CountLoggedAsync()
    {
        // The log is read up to the flush position; the tests' server flushes asynchronously.
        await Database.ExecuteAsync($"SET synchronous_commit = on; {LogSlot.Heartbeat}");
        return await Eventually.IsAsync("nobody reads the log", () => Database.ScalarAsync<long>($"""
            SELECT count(*) FROM pg_logical_slot_peek_binary_changes({LogSlot.NameOfSlot}, NULL, NULL,
                'proto_version', '1', 'publication_names', '{LogSlot.Publication}', 'messages', 'true')
            WHERE get_byte(data, 0) = ascii('M') AND length(data) > 100
            """), _ => true);
    }

    /// <summary>A relay that publishes what waits, receives the confirms, and crashes before the commit.</summary>
    internal async Task PublishAndCrashAsync(TestService service)
    {
        var settings = service.Services.GetRequiredService<MessagingSettings>();
        await using var session = await RelaySession.OpenAsync(settings.Database, settings.Service, settings.RelayLease, default);
        await session.RebalanceAsync(default);
        await session.BeginAsync(default);
        await using var reader = Relay == RelayKind.LogTailing
            ? await LogReader.StartAsync(settings, await Database.ScalarAsync<string>($"SELECT {LogSlot.NameOfSlot}"), default)
            : null;
        IReadOnlyList<OutboxRow> rows = reader is null
            ? await session.ClaimAsync(100, default)
            : (await reader.ReadBatchAsync(100, TimeSpan.FromMinutes(5), default)).Rows;
        var publisher = service.Services.GetRequiredService<BrokerPublisher>();
        await publisher.ConnectAsync(default);
        var report = await publisher.PublishAsync(rows, default);
        Assert.Equal(rows.Select(row => row.Seq), report.Confirmed.Order());
    }

    private T Own<T>(T ours)
        where T : IAsyncDisposable
    {
        _ours.Add(ours);
        return ours;
    }
}
