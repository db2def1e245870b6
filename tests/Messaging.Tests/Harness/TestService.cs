using Microsoft.AspNetCore.Builder;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Shop.ServiceDefaults.Hosting;
using Shop.ServiceDefaults.Messaging;
using Shop.ServiceDefaults.Messaging.Broker;

namespace Shop.Messaging.Tests.Harness;

/// <summary>A service of the real registration, with the ticket model, against real servers.</summary>
internal sealed class TestService : IAsyncDisposable
{
    private readonly WebApplication _app;

    private TestService(WebApplication app) => _app = app;

    public ConsumerScript Script => _app.Services.GetRequiredService<ConsumerScript>();

    public IServiceProvider Services => _app.Services;

    public static TestService Create(
        TestDatabase database, Uri broker, IReadOnlyDictionary<string, string?>? settings = null,
        bool consumes = false, Action<IServiceCollection>? services = null)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ApplicationName = "Messaging.Tests" });
        builder.Logging.ClearProviders();
        builder.Configuration.AddInMemoryCollection(TestTokens.Configuration);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["ConnectionStrings:Database"] = database.ConnectionString,
            ["ConnectionStrings:rabbitmq"] = broker.ToString(),
            ["Messaging:Service"] = "ordering",
            ["Messaging:FirstRetryDelay"] = "00:00:00.100",
            ["Messaging:MaxRetryDelay"] = "00:00:00.500",
            ["Messaging:RetryDelays:0"] = "00:00:00.050",
            ["Messaging:RetryDelays:1"] = "00:00:00.200",
            ["WarmUp:AtMost"] = "00:00:00",
            ["urls"] = "http://127.0.0.1:0",
        });
        builder.Configuration.AddInMemoryCollection(settings ?? new Dictionary<string, string?>());
        builder.AddServiceDefaults<TicketDbContext>();
        builder.AddMessaging<TicketDbContext>(TicketEvents.From, bus =>
        {
            if (consumes)
            {
                bus.AddConsumer<EffectConsumer>();
            }
        });
        builder.Services.AddSingleton<ConsumerScript>();
        services?.Invoke(builder.Services);
        return new TestService(builder.Build());
    }

    /// <summary>Creates the tables and declares the broker's objects, as a service's migrate command does.</summary>
    public async Task MigrateAsync()
    {
        await using (var scope = _app.Services.CreateAsyncScope())
        {
            var db = scope.ServiceProvider.GetRequiredService<TicketDbContext>();
            await db.Database.EnsureCreatedAsync();
            foreach (var step in MessagingSchema.Steps)
            {
                await db.Database.ExecuteSqlRawAsync(step.Replace("{", "{{", StringComparison.Ordinal).Replace("}", "}}", StringComparison.Ordinal));
            }
        }

        await MigrateTopologyAsync();
    }

    public Task MigrateTopologyAsync() => _app.Services.GetRequiredService<TopologyDeclaration>().DeclareAsync(CancellationToken.None);

    public Task StartAsync() => _app.StartAsync();

    public Task StopAsync() => _app.StopAsync();

    /// <summary>One unit of work in a scope of its own.</summary>
    public async Task<T> WorkAsync<T>(Func<TicketDbContext, Task<T>> work)
    {
        await using var scope = _app.Services.CreateAsyncScope();
        return await work(scope.ServiceProvider.GetRequiredService<TicketDbContext>());
    }

    public Task WorkAsync(Func<TicketDbContext, Task> work) => WorkAsync(async db =>
    {
        await work(db);
        return true;
    });

    /// <summary>Opens a ticket, which publishes one event.</summary>
    public Task<Ticket> OpenAsync() => WorkAsync(async db =>
    {
        var ticket = Ticket.Open(TimeProvider.System.GetUtcNow());
        db.Tickets.Add(ticket);
        await db.SaveChangesAsync();
        return ticket;
    });

    public Task<int> CountEffectsAsync(string what) => WorkAsync(db => db.Effects.CountAsync(effect => effect.What == what));

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
