using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Shop.Contracts;
using Shop.Messaging.LogTailing;
using Shop.Messaging.Outbox;
using Shop.Messaging.RabbitMq;
using Shop.Messaging.Relay;
using Shop.ServiceDefaults.Hosting;

namespace Shop.Messaging.Tests.Harness;

/// <summary>A service of the real registration with a small model, against real servers. The benchmarks share it.</summary>
internal class ServiceUnderTest<TContext> : IAsyncDisposable
    where TContext : DbContext
{
    private readonly WebApplication _app;

    protected ServiceUnderTest(WebApplication app) => _app = app;

    public IServiceProvider Services => _app.Services;

    public static ServiceUnderTest<TContext> Create(
        string database, Uri broker, PublishedEventsMap events, Action<MessagingBuilder> consumers, Action<IServiceCollection> services,
        IReadOnlyDictionary<string, string?> settings) =>
        new(Build(database, broker, events, consumers, services, settings));

    /// <summary>What the service needs in the broker.</summary>
    public JsonObject Definitions => BrokerDefinitions.Of(Services.GetRequiredService<BrokerTopology>());

    /// <summary>Creates the tables, as a service's migrate command does.</summary>
    public async Task MigrateAsync()
    {
        await using var scope = _app.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<TContext>();
        await db.Database.EnsureCreatedAsync();
        await db.CreateMessagingTablesAsync();
        await MigrateRelayAsync();
    }

    /// <summary>Brings the database to the relay strategy that this service is configured with.</summary>
    public Task MigrateRelayAsync() => Services.GetRequiredService<IRelayPreparation>().PrepareAsync(CancellationToken.None);

    public Task StartAsync() => _app.StartAsync();

    public Task StopAsync() => _app.StopAsync();

    /// <summary>One unit of work in a scope of its own.</summary>
    public async Task<T> WorkAsync<T>(Func<TContext, Task<T>> work)
    {
        await using var scope = _app.Services.CreateAsyncScope();
        return await work(scope.ServiceProvider.GetRequiredService<TContext>());
    }

    public Task WorkAsync(Func<TContext, Task> work) => WorkAsync(async db =>
    {
        await work(db);
        return true;
    });

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    protected static WebApplication Build(
        string database, Uri broker, PublishedEventsMap events, Action<MessagingBuilder> consumers, Action<IServiceCollection> services,
        IReadOnlyDictionary<string, string?> settings)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ApplicationName = "Messaging.Tests" });
        builder.Logging.ClearProviders();
        builder.Configuration.AddInMemoryCollection(TestTokens.Configuration);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["ConnectionStrings:Database"] = database,
            ["ConnectionStrings:rabbitmq"] = broker.ToString(),
            ["Messaging:Service"] = "ordering",
            ["urls"] = "http://127.0.0.1:0",
        });
        builder.Configuration.AddInMemoryCollection(settings);
        builder.AddServiceDefaults<TContext>();
        builder.AddMessaging<TContext>(ShopEvents.Catalog, events, messaging =>
        {
            consumers(messaging);
            messaging.UseRelayOf<TContext>(builder.Configuration);
        });
        services(builder.Services);
        return builder.Build();
    }
}
