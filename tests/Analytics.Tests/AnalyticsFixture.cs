using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.Extensions.DependencyInjection;
using RabbitMQ.Client;
using Shop.Analytics.Persistence;
using Shop.Contracts;

namespace Shop.Analytics.Tests;

/// <summary>Analytics with a database and a virtual host of its own, migrated by its own command, and the rights of its broker user.</summary>
public sealed class AnalyticsFixture : IAsyncLifetime
{
    public const string Queue = "analytics.event-log";
    public const string DeadLetters = Queue + ".dead";

    private static readonly JsonSerializerOptions s_wire = new(JsonSerializerDefaults.Web)
    {
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower) },
    };

    private WebApplicationFactory<AnalyticsDbContext>? _factory;

    public TestDatabase Database { get; private set; } = null!;

    public TestVirtualHost Broker { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Database = await TestServers.CreateDatabaseAsync("analytics");
        Broker = await TestServers.CreateVirtualHostAsync("analytics");
        foreach (var exchange in EventCatalog.Names)
        {
            await Broker.DeclareExchangeAsync(exchange);
        }

        var user = await Broker.CreateUserAsync("analytics", @"^analytics\..*$", @"^analytics\..*$",
            @"^(analytics\..*|(ordering|inventory|notification|analytics)\..*\.v\d+)$");
        Dictionary<string, string?> settings = new(TestTokens.Configuration)
        {
            ["ConnectionStrings:Database"] = Database.ConnectionString,
            ["ConnectionStrings:rabbitmq"] = user.ToString(),
        };
        await MigrateAsync(settings);
        _factory = new WebApplicationFactory<AnalyticsDbContext>().WithWebHostBuilder(builder =>
        {
            builder.UseSetting("Logging:LogLevel:Default", "None");
            foreach (var (name, value) in settings)
            {
                builder.UseSetting(name, value);
            }
        });
        _ = _factory.Server;
    }

    public async ValueTask DisposeAsync()
    {
        if (_factory is not null)
        {
            await _factory.DisposeAsync();
        }

        await Broker.DisposeAsync();
        await Database.DisposeAsync();
    }

    public HttpClient Client(string? token)
    {
        var client = _factory!.CreateClient();
        client.DefaultRequestHeaders.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        return client;
    }

    public async Task<T> GetAsync<T>(string path)
    {
        using var client = Client(TestTokens.Staff());
        return (await client.GetFromJsonAsync<T>(path))!;
    }

    internal async Task<T> WithDatabaseAsync<T>(Func<AnalyticsDbContext, Task<T>> work)
    {
        await using var scope = _factory!.Services.CreateAsyncScope();
        return await work(scope.ServiceProvider.GetRequiredService<AnalyticsDbContext>());
    }

    /// <summary>Publishes events as other services do, each confirmed and routed.</summary>
    public async Task PublishAsync(params IReadOnlyList<IIntegrationEvent> events)
    {
        ArgumentNullException.ThrowIfNull(events);
        await using var connection = await new ConnectionFactory { Uri = Broker.AmqpUri }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true));
        await Task.WhenAll(events.Select(@event =>
        {
            var name = EventCatalog.NameOf(@event.GetType());
            return channel.BasicPublishAsync(name, "", mandatory: true, Properties(@event.EventId), Envelope(name, @event)).AsTask();
        }));
    }

    /// <summary>Publishes any text to the exchange of an event, as a broken sender would.</summary>
    public async Task PublishTextAsync(string exchange, string body)
    {
        await using var connection = await new ConnectionFactory { Uri = Broker.AmqpUri }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true));
        await channel.BasicPublishAsync(exchange, "", mandatory: true, Properties(Guid.CreateVersion7()), Encoding.UTF8.GetBytes(body));
    }

    /// <summary>The body of a message: the event, or whatever is sent in its place, under the name of an event.</summary>
    public static byte[] Envelope(string name, object message, Guid? messageId = null) => JsonSerializer.SerializeToUtf8Bytes(new
    {
        messageId = messageId ?? (message as IIntegrationEvent)?.EventId ?? Guid.CreateVersion7(),
        messageType = new[] { "urn:message:" + name },
        sentTime = TimeProvider.System.GetUtcNow(),
        message,
    }, s_wire);

    /// <summary>Waits until these events are in the log.</summary>
    public async Task LoggedAsync(params IReadOnlyList<IIntegrationEvent> events)
    {
        ArgumentNullException.ThrowIfNull(events);
        var ids = string.Join(",", events.Select(e => $"'{e.EventId}'").Distinct());
        var expected = events.Select(e => e.EventId).Distinct().Count();
        await Eventually.IsAsync($"{expected} events are in the log",
            () => Database.ScalarAsync<long>($"SELECT count(*) FROM event_log WHERE event_id IN ({ids})"), count => count >= expected,
            TimeSpan.FromSeconds(60));
    }

    /// <summary>Waits until nothing is left to consume.</summary>
    public Task QueueIsEmptyAsync() => Eventually.IsAsync("the queue is empty",
        () => Broker.QueueAsync(Queue), queue => queue is { Ready: 0, Unacknowledged: 0 }, TimeSpan.FromSeconds(60));

    private static BasicProperties Properties(Guid id) => new()
    {
        ContentType = "application/vnd.masstransit+json",
        DeliveryMode = DeliveryModes.Persistent,
        MessageId = id.ToString(),
    };

    /// <summary>The service's own command, as a process of its own, with its own rights.</summary>
    private static async Task MigrateAsync(Dictionary<string, string?> settings)
    {
        var start = new ProcessStartInfo("dotnet", ["exec", typeof(AnalyticsDbContext).Assembly.Location, "migrate"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in settings)
        {
            start.Environment[name.Replace(":", "__", StringComparison.Ordinal)] = value;
        }

        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        await process.WaitForExitAsync(patience.Token);
        Assert.True(process.ExitCode == 0, $"migrate failed:\n{await output}\n{await error}");
    }
}
