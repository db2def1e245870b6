using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.Memory;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Shop.ServiceDefaults.Hosting;

/// <summary>
/// Exports traces, metrics and logs over OTLP where a collector is configured (OTEL_EXPORTER_OTLP_ENDPOINT), and metrics to Prometheus where a
/// management port is, unless OTEL_SDK_DISABLED is true.
/// </summary>
internal static class Telemetry
{
    // Each metric allocates its series at once: the default of 2,000 takes 30 MB of a process. What is more is counted with otel.metric.overflow.
    private const int MaxSeries = 200;
    private const int MaxRequestSeries = 1_000; // routes, methods and statuses

    /// <summary>
    /// Defaults that log no line per request and SQL command, which would cost more than the work itself; traces show them. The
    /// service's own configuration of <c>Logging:LogLevel</c> takes precedence.
    /// </summary>
    public static void SetLogLevelDefaults(this WebApplicationBuilder builder) => ((IConfigurationBuilder)builder.Configuration).Sources.Insert(0,
        new MemoryConfigurationSource
        {
            InitialData = new Dictionary<string, string?>
            {
                ["Logging:LogLevel:Microsoft.AspNetCore"] = nameof(LogLevel.Warning),
                ["Messaging:SourcePrefix"] = "urn:shop:",
                ["Messaging:VirtualHost"] = "shop",
                ["Messaging:TopologyAdvice"] = "Load deploy/rabbitmq/definitions.json: ./shop topology --load",
                ["Logging:LogLevel:Microsoft.EntityFrameworkCore"] = nameof(LogLevel.Warning),
            },
        });

    public static void AddTelemetry(this WebApplicationBuilder builder)
    {
        builder.Logging.Configure(options => options.ActivityTrackingOptions =
            ActivityTrackingOptions.TraceId | ActivityTrackingOptions.SpanId);
        if (string.Equals(builder.Configuration["OTEL_SDK_DISABLED"], "true", StringComparison.OrdinalIgnoreCase))
        {
            return;
        }

        var collects = !string.IsNullOrEmpty(builder.Configuration["OTEL_EXPORTER_OTLP_ENDPOINT"]);
        var isScraped = ManagementPort.Of(builder.Configuration) is not null;
        if (!collects && !isScraped)
        {
            return;
        }

        var telemetry = builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService(
                builder.Configuration["OTEL_SERVICE_NAME"] ?? builder.Environment.ApplicationName.ToLowerInvariant()))
            .WithMetrics(metrics => AddMetrics(metrics, isScraped));
        if (collects)
        {
            builder.Logging.AddOpenTelemetry(logs => logs.IncludeScopes = true);
            telemetry.WithTracing(AddTraces).UseOtlpExporter();
        }
    }

    private static void AddTraces(TracerProviderBuilder traces) => traces
        .SetSampler(new ParentBasedSampler(new ParentedSampler()))
        .AddSource("Shop.*") // messaging, domain events, and each service's own
        .AddProcessor<SqlSpanNames>()
        .AddAspNetCoreInstrumentation(http => http.Filter = context => !IsProbe(context.Request))
        .AddHttpClientInstrumentation()
        .AddNpgsql();

    private static void AddMetrics(MeterProviderBuilder metrics, bool isScraped)
    {
        metrics
            .AddAspNetCoreInstrumentation()
            .AddHttpClientInstrumentation()
            .AddRuntimeInstrumentation()
            .AddMeter("Npgsql", "MassTransit", "Shop.*") // also each service's own meter
            .AddView(instrument => new MetricStreamConfiguration
            {
                CardinalityLimit = instrument.Name == "http.server.request.duration" ? MaxRequestSeries : MaxSeries,
            });
        if (isScraped)
        {
            metrics.AddPrometheusExporter();
        }
    }

    private static bool IsProbe(HttpRequest request) => request.Path.StartsWithSegments("/health");

    /// <summary>
    /// Samples traces that begin with a request or a message. Client spans without a parent are polls, locks or
    /// new connections, which would be most of all traces.
    /// </summary>
    private sealed class ParentedSampler : Sampler
    {
        public override SamplingResult ShouldSample(in SamplingParameters samplingParameters) => new(
            samplingParameters.Kind is System.Diagnostics.ActivityKind.Client ? SamplingDecision.Drop : SamplingDecision.RecordAndSample);
    }
}
