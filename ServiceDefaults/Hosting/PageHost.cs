using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Shop.ServiceDefaults.Http;

namespace Shop.ServiceDefaults.Hosting;

/// <summary>The host setup of a web application without a database: the services' logs, telemetry and proxies, and no API.</summary>
public static class PageHost
{
    /// <summary>Adds logs, telemetry, health and the addresses behind an ingress.</summary>
    public static void AddPageDefaults(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.SetLogLevelDefaults();
        builder.Services.AddSingleton(StartupFailures.Report(builder));
        builder.SanitizeConsole();
        builder.AddTelemetry();
        builder.AddForwardedAddresses();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = HttpDefaults.MaxBodyBytes;
            kestrel.AddServerHeader = false;
        });
        builder.Services.AddHealthChecks();
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(10));
    }

    /// <summary>A setting that has to be the address of an HTTP server.</summary>
    /// <exception cref="InvalidOperationException">It is something else.</exception>
    public static Uri HttpAddress(string setting, string value) => ConfigurationRules.HttpAddress(value)
        ?? throw new InvalidOperationException($"{setting} is '{value}'; it must be an address with its scheme, such as http://ordering:8080.");

    /// <summary>First in the pipeline: the port for Prometheus, and what an ingress says of the caller.</summary>
    public static void UsePageDefaults(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.UseManagementPort();
        app.UseForwardedAddresses();
    }

    /// <summary>Maps the probes. It has no dependencies that a restart would mend, so that ready is live.</summary>
    public static void MapProbes(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        foreach (var path in (string[])["/health/live", "/health/ready"])
        {
            app.MapHealthChecks(path, new HealthCheckOptions { Predicate = _ => false }).AllowAnonymous().DisableHttpMetrics();
        }
    }
}
