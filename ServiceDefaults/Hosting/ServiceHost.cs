using Microsoft.AspNetCore.Builder;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Shop.ServiceDefaults.Hosting.WarmUp;
using Shop.ServiceDefaults.Http;
using Shop.ServiceDefaults.Messaging;
using Shop.ServiceDefaults.Messaging.Broker;

namespace Shop.ServiceDefaults.Hosting;

/// <summary>What all services have in common, in the order in which a Program.cs needs it.</summary>
public static class ServiceHost
{
    /// <summary>Adds telemetry, health, authentication, problem details, OpenAPI and the service's database.</summary>
    /// <typeparam name="TContext">The service's DbContext.</typeparam>
    public static void AddServiceDefaults<TContext>(this WebApplicationBuilder builder)
        where TContext : DbContext
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.QuietenLogs();
        builder.AddTelemetry();
        builder.AddHttpDefaults();
        builder.AddAuth();
        builder.AddDatabase<TContext>();
        builder.AddWarmUp();
        builder.Services.Configure<HostOptions>(host =>
        {
            host.ServicesStartConcurrently = true;
            host.ShutdownTimeout = TimeSpan.FromSeconds(25);
        });
    }

    /// <summary>The middleware that every service has, in its order, and the routes for health and OpenAPI.</summary>
    public static void UseServiceDefaults(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.UseWarmUp();
        app.UseExceptionHandler();
        app.UseStatusCodePages();
        app.UseRouting();
        app.UseAuthentication();
        app.UseAuthorization();
        app.UseMiddleware<IdempotencyMiddleware>();
        app.MapHttpDefaults();
    }

    /// <summary>
    /// The <c>migrate</c> command: brings the service's database and its part of the broker to this version. Run before the
    /// service by the AppHost or a Kubernetes job, never by the service itself.
    /// </summary>
    /// <typeparam name="TContext">The service's DbContext.</typeparam>
    public static async Task MigrateAsync<TContext>(this WebApplication app)
        where TContext : DbContext
    {
        ArgumentNullException.ThrowIfNull(app);
        var stopping = app.Lifetime.ApplicationStopping;
        await using var scope = app.Services.CreateAsyncScope();
        await Migration.ApplyAsync(
            scope.ServiceProvider.GetRequiredService<TContext>(), app.Logger, app.Services.GetRequiredService<TimeProvider>(), stopping);
        await scope.ServiceProvider.GetRequiredService<TopologyDeclaration>().DeclareAsync(stopping);
    }
}
