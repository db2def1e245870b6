using Microsoft.AspNetCore.Builder;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Shop.Messaging.Operations;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Operations;

namespace Shop.ServiceDefaults.Hosting;

/// <summary>The host setup that all services share, in the order of a Program.cs.</summary>
public static class ServiceHost
{
    /// <summary>
    /// As WebApplication.CreateBuilder does, without watching files of configuration, of which there are none: each process would take one of
    /// the 128 inotify instances that a user has on a machine, and the first that gets none aborts with a stack trace.
    /// </summary>
    public static WebApplicationBuilder CreateBuilder(string[] args)
    {
        ArgumentNullException.ThrowIfNull(args);
        return WebApplication.CreateBuilder([.. args, "--hostBuilder:reloadConfigOnChange=false"]);
    }

    /// <summary>Adds telemetry, health, authentication, problem details, OpenAPI and the service's database.</summary>
    /// <typeparam name="TContext">The service's DbContext.</typeparam>
    public static void AddServiceDefaults<TContext>(this WebApplicationBuilder builder)
        where TContext : DbContext
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton(StartupFailures.Report(builder));
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
        app.CheckTokenSettings();
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
    /// Runs the command of the command line, if any, and returns its exit code, or null where the service is to start: <c>migrate</c> migrates
    /// the service's database to this version, before the service starts and never automatically; <c>topology</c> prints the service's
    /// RabbitMQ definitions; <c>asyncapi</c> prints its AsyncAPI document.
    /// </summary>
    /// <typeparam name="TContext">The service's DbContext.</typeparam>
    /// <exception cref="InvalidOperationException">There is no such command.</exception>
    public static async Task<int?> RunCommandAsync<TContext>(this WebApplication app, string[] args)
        where TContext : DbContext
    {
        ArgumentNullException.ThrowIfNull(app);
        switch (args)
        {
            case ["migrate"]:
                var code = await MigrateCommand.RunAsync<TContext>(app, app.Lifetime.ApplicationStopping);
                await app.DisposeAsync(); // flushes the logs before the process ends
                return code;
            case ["topology"]:
                Console.WriteLine(app.Services.GetRequiredService<MessagingDocuments>().BrokerDefinitions().ToJsonString());
                return 0;
            case ["asyncapi"]:
                Console.WriteLine(app.Services.GetRequiredService<MessagingDocuments>().AsyncApi().ToJsonString());
                return 0;
            case [var word, ..] when !word.StartsWith('-') && !word.Contains('=', StringComparison.Ordinal): // those are settings
                throw new InvalidOperationException($"There is no command '{word}'. Commands are migrate, topology and asyncapi; without one the service starts.");
            default:
                app.Lifetime.ApplicationStarted.Register(app.Services.GetRequiredService<StartupFailures>().Stop);
                return null;
        }
    }
}
