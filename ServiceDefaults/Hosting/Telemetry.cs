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

/// <summary>Traces, metrics and logs over OTLP, when there is a collector (OTEL_EXPORTER_OTLP_ENDPOINT).</summary>
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
        if (string.IsNullOrEmpty(builder.Configuration["OTEL_EXPORTER_OTLP_ENDPOINT"]))
        {
            return;
        }

        builder.Logging.AddOpenTelemetry(logs => logs.IncludeScopes = true);
        builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService(
                builder.Configuration["OTEL_SERVICE_NAME"] ?? builder.Environment.ApplicationName.ToLowerInvariant()))
            .WithTracing(traces => traces
                .SetSampler(new ParentBasedSampler(new CausedSampler()))
                .AddSource("Shop.*") // messaging, domain events, and each service's own
                .AddProcessor<SqlSpanNames>()
                .AddAspNetCoreInstrumentation(http => http.Filter = context => !IsProbe(context.Request))
                .AddHttpClientInstrumentation()
                .AddNpgsql())
            .WithMetrics(metrics => metrics
                .AddAspNetCoreInstrumentation()
                .AddHttpClientInstrumentation()
                .AddRuntimeInstrumentation()
                .AddMeter("Npgsql", "MassTransit", "Shop.*")) // also each service's own meter
            .UseOtlpExporter();
    }

    private static bool IsProbe(HttpRequest request) => request.Path.StartsWithSegments("/health");

    /// <summary>
    /// A trace begins with a request or a message. A call to the database or another server that has no parent is a poll, a lock or a
    /// connection that opens: such spans would be most of all traces and tell nothing.
    /// </summary>
    private sealed class CausedSampler : Sampler
    {
        public override SamplingResult ShouldSample(in SamplingParameters samplingParameters) => new(
            samplingParameters.Kind is System.Diagnostics.ActivityKind.Client ? SamplingDecision.Drop : SamplingDecision.RecordAndSample);
    }
}
