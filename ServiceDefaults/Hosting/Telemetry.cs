using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.Memory;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using Shop.ServiceDefaults.Messaging;

namespace Shop.ServiceDefaults.Hosting;

/// <summary>
/// Traces, metrics and logs over OTLP, when there is a collector (OTEL_EXPORTER_OTLP_ENDPOINT). Everything that is needed is
/// published by .NET and the libraries themselves, so no instrumentation package is.
/// </summary>
internal static class Telemetry
{
    /// <summary>
    /// A line per request and per SQL command costs more than the work itself, and traces say it better. Defaults only: whatever
    /// the service's own configuration says of <c>Logging:LogLevel</c> wins.
    /// </summary>
    public static void QuietenLogs(this WebApplicationBuilder builder) => ((IConfigurationBuilder)builder.Configuration).Sources.Insert(0,
        new MemoryConfigurationSource
        {
            InitialData = new Dictionary<string, string?>
            {
                ["Logging:LogLevel:Microsoft.AspNetCore"] = nameof(LogLevel.Warning),
                ["Logging:LogLevel:Microsoft.EntityFrameworkCore"] = nameof(LogLevel.Warning),

                // Asked several times a second while a service starts; whoever asks has the answer.
                ["Logging:LogLevel:Microsoft.Extensions.Diagnostics.HealthChecks"] = nameof(LogLevel.None),
            },
        });

    public static void AddTelemetry(this WebApplicationBuilder builder)
    {
        builder.Logging.Configure(options => options.ActivityTrackingOptions =
            ActivityTrackingOptions.TraceId | ActivityTrackingOptions.SpanId);
        if (string.IsNullOrEmpty(builder.Configuration["OTEL_EXPORTER_OTLP_ENDPOINT"]))
        {
            return;
        }

        // The SDK as a hosted service: OpenTelemetry.Extensions.Hosting would save these few lines but is not on every feed.
        var service = builder.Configuration["OTEL_SERVICE_NAME"] ?? builder.Environment.ApplicationName.ToLowerInvariant();
        builder.Services.AddHostedService(_ => new TelemetryHost(service));
        builder.Logging.AddOpenTelemetry(logs =>
        {
            logs.IncludeScopes = true;
            logs.SetResourceBuilder(ResourceBuilder.CreateDefault().AddService(service));
            logs.AddOtlpExporter();
        });
    }

    private sealed class TelemetryHost(string service) : IHostedService, IDisposable
    {
        private OpenTelemetrySdk? _sdk;

        public Task StartAsync(CancellationToken cancellationToken)
        {
            _sdk = OpenTelemetrySdk.Create(otel => otel
                .ConfigureResource(resource => resource.AddService(service))
                .WithTracing(traces => traces
                    .AddSource("Microsoft.AspNetCore", "System.Net.Http", "Npgsql", "MassTransit", MessagingTelemetry.Name)
                    .AddProcessor(new HealthFilter())
                    .AddOtlpExporter())
                .WithMetrics(metrics => metrics
                    .AddMeter("Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Net.Http",
                        "System.Runtime", "Npgsql", "MassTransit", "Shop.*") // also each service's own meter
                    .AddOtlpExporter()));
            return Task.CompletedTask;
        }

        public Task StopAsync(CancellationToken cancellationToken)
        {
            _sdk?.TracerProvider.ForceFlush(2_000);
            return Task.CompletedTask;
        }

        public void Dispose() => _sdk?.Dispose();
    }

    /// <summary>Probes come every second and say nothing: they stay out of the traces.</summary>
    private sealed class HealthFilter : BaseProcessor<System.Diagnostics.Activity>
    {
        public override void OnEnd(System.Diagnostics.Activity data)
        {
            if (data.GetTagItem("url.path") is string path && path.StartsWith("/health/", StringComparison.Ordinal))
            {
                data.ActivityTraceFlags &= ~System.Diagnostics.ActivityTraceFlags.Recorded;
            }
        }
    }
}
