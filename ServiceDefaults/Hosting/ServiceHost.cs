using Microsoft.AspNetCore.Builder;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Shop.Messaging.Operations;
using Shop.Messaging.Relay;
using Shop.Messaging.UnitOfWork;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Operations;

namespace Shop.ServiceDefaults.Hosting;

/// <summary>The host setup that all services share, in the order of a Program.cs.</summary>
public static partial class ServiceHost
{
    /// <summary>Adds telemetry, health, authentication, problem details, OpenAPI and the service's database.</summary>
    /// <typeparam name="TContext">The service's DbContext.</typeparam>
    public static void AddServiceDefaults<TContext>(this WebApplicationBuilder builder)
        where TContext : DbContext
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.SetLogLevelDefaults();
        builder.SanitizeConsole();
        builder.AddTelemetry();
        builder.AddHttpDefaults();
        builder.AddForwardedAddresses();
        builder.AddAuth();
        builder.AddRateLimits();
        builder.AddDatabase<TContext>();
        builder.Services.AddHostedService<IdempotencyRetention>();
        builder.Services.Configure<HostOptions>(host =>
        {
            host.ServicesStartConcurrently = true;
            host.ShutdownTimeout = TimeSpan.FromSeconds(25);
        });
    }

    /// <summary>Adds the middleware of every service, and the routes for the landing page, health, OpenAPI, AsyncAPI, dead letters, the outbox and operations.</summary>
    public static void UseServiceDefaults(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.UseManagementPort();
        app.UseForwardedAddresses();
        app.UseExceptionHandler();
        app.UseStatusCodePages();
        app.UseHeadAsGet();
        app.UseRouting();
        app.UseAuthentication();
        app.UseRateLimiter();
        app.UseAuthorization();
        app.UseMiddleware<RequestValidationMiddleware>();
        app.UseMiddleware<IdempotencyMiddleware>();
        app.MapLandingPage();
        app.MapHttpDefaults();
        app.MapAsyncApi();
        app.MapDeadLetters();
        app.MapOutbox();
        app.MapOperations();
    }

    /// <summary>
    /// Runs the command of the command line, if any, and returns whether there was one: <c>migrate</c> migrates the
    /// service's database to this version, before the service starts and never automatically; <c>topology</c> prints the service's
    /// RabbitMQ definitions; <c>asyncapi</c> prints its AsyncAPI document.
    /// </summary>
    /// <typeparam name="TContext">The service's DbContext.</typeparam>
    public static async Task<bool> TryRunCommandAsync<TContext>(this WebApplication app, string[] args)
        where TContext : DbContext
    {
        ArgumentNullException.ThrowIfNull(app);
        switch (args)
        {
            case ["migrate"]:
                await MigrateAsync<TContext>(app, app.Lifetime.ApplicationStopping);
                await app.DisposeAsync(); // flushes the logs before the process ends
                return true;
            case ["topology"]:
                Console.WriteLine(app.Services.GetRequiredService<MessagingDocuments>().BrokerDefinitions().ToJsonString());
                return true;
            case ["asyncapi"]:
                Console.WriteLine(app.Services.GetRequiredService<MessagingDocuments>().AsyncApi().ToJsonString());
                return true;
            default:
                return false;
        }
    }

    private static async Task MigrateAsync<TContext>(WebApplication app, CancellationToken stopping)
        where TContext : DbContext
    {
        await using var scope = app.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<TContext>();
        var clock = app.Services.GetRequiredService<TimeProvider>();
        await ExclusiveMigration.RunAsync(db, async () =>
        {
            if (await MigrationHistory.RefusalAsync(db, stopping) is { } refusal)
            {
                LogRefused(app.Logger, refusal);
                Environment.ExitCode = 1;
                return;
            }

            await Migration.ApplyAsync(db, app.Logger, clock, stopping);
            await app.Services.GetRequiredService<IRelayPreparation>().PrepareAsync(stopping);
            await GrantAsync<TContext>(app, stopping);
        }, app.Logger, clock, stopping);
    }

    // After the relay's preparation, which creates functions too.
    private static async Task GrantAsync<TContext>(WebApplication app, CancellationToken ct)
        where TContext : DbContext
    {
        if (app.Configuration[RuntimeRole.Setting] is { Length: > 0 } role)
        {
            await using var scope = app.Services.CreateAsyncScope();
            await RuntimeRole.GrantAsync(scope.ServiceProvider.GetRequiredService<TContext>(), role, ct);
        }
    }

    [LoggerMessage(LogLevel.Critical, "{Refusal}")]
    private static partial void LogRefused(ILogger logger, string refusal);
}
