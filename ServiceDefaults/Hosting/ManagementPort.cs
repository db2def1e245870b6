using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;

namespace Shop.ServiceDefaults.Hosting;

/// <summary>
/// A port beside the service's own, for Prometheus: <c>Management:Port</c>, which must also be one of ASPNETCORE_HTTP_PORTS. Only /metrics
/// answers there, without a token, so that a network policy can decide who reads it; and nowhere else.
/// </summary>
internal static class ManagementPort
{
    public const string Setting = "Management:Port";
    private const string Path = "/metrics";

    /// <summary>The port; null where there is none.</summary>
    public static int? Of(IConfiguration configuration) => configuration[Setting] switch
    {
        null or "" => null,
        var text when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is > 0 and <= 65_535 => port,
        var text => throw new InvalidOperationException($"{Setting} is {text}: it must be a port, from 1 to 65535."),
    };

    /// <summary>Call it before routing: the service's own routes do not exist on this port.</summary>
    public static void UseManagementPort(this WebApplication app)
    {
        if (Of(app.Configuration) is { } port)
        {
            app.MapWhen(context => context.Connection.LocalPort == port, management =>
            {
                if (!string.Equals(app.Configuration["OTEL_SDK_DISABLED"], "true", StringComparison.OrdinalIgnoreCase))
                {
                    management.UseOpenTelemetryPrometheusScrapingEndpoint(Path);
                }

                management.Run(context =>
                {
                    context.Response.StatusCode = StatusCodes.Status404NotFound;
                    return Task.CompletedTask;
                });
            });
        }
    }
}
