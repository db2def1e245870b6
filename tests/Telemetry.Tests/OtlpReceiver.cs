using System.Collections.Concurrent;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Shop.Telemetry.Tests.Otlp;

namespace Shop.Telemetry.Tests;

/// <summary>A collector: receives OTLP over HTTP from the services, and keeps it.</summary>
internal sealed class OtlpReceiver : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<SentSpan> _spans = new();
    private readonly ConcurrentQueue<SentMetric> _metrics = new();
    private readonly ConcurrentQueue<SentLog> _logs = new();

    private OtlpReceiver(WebApplication app) => _app = app;

    public Uri Address => new(_app.Urls.Single());

    public IReadOnlyList<SentSpan> Spans => [.. _spans];

    public IReadOnlyList<SentMetric> Metrics => [.. _metrics];

    public IReadOnlyList<SentLog> Logs => [.. _logs];

    public static async Task<OtlpReceiver> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var receiver = new OtlpReceiver(builder.Build());
        receiver._app.MapPost("/v1/traces", (HttpRequest request) => TakeAsync(request, Traces.Parser, receiver.Take));
        receiver._app.MapPost("/v1/metrics", (HttpRequest request) => TakeAsync(request, Otlp.Metrics.Parser, receiver.Take));
        receiver._app.MapPost("/v1/logs", (HttpRequest request) => TakeAsync(request, Otlp.Logs.Parser, receiver.Take));
        await receiver._app.StartAsync();
        return receiver;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static async Task TakeAsync<T>(HttpRequest request, MessageParser<T> parser, Action<T> take)
        where T : IMessage<T>
    {
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body);
        take(parser.ParseFrom(body.ToArray()));
    }

    private void Take(Traces traces)
    {
        foreach (var resource in traces.ResourceSpans)
        {
            foreach (var scope in resource.ScopeSpans)
            {
                foreach (var span in scope.Spans)
                {
                    _spans.Enqueue(new SentSpan(ServiceOf(resource.Resource), scope.Scope.Name, span));
                }
            }
        }
    }

    private void Take(Otlp.Metrics metrics)
    {
        foreach (var resource in metrics.ResourceMetrics)
        {
            foreach (var metric in resource.ScopeMetrics.SelectMany(scope => scope.Metrics))
            {
                _metrics.Enqueue(new SentMetric(ServiceOf(resource.Resource), metric));
            }
        }
    }

    private void Take(Otlp.Logs logs)
    {
        foreach (var resource in logs.ResourceLogs)
        {
            foreach (var record in resource.ScopeLogs.SelectMany(scope => scope.LogRecords))
            {
                _logs.Enqueue(new SentLog(ServiceOf(resource.Resource), record.Body?.StringValue ?? "", Hex(record.TraceId)));
            }
        }
    }

    private static string ServiceOf(Resource resource) => resource.Attributes.Single(attribute => attribute.Key == "service.name").Value.StringValue;

    internal static string Hex(ByteString id) => Convert.ToHexStringLower(id.Span);
}

/// <summary>A received span.</summary>
internal sealed class SentSpan(string service, string scope, Span span)
{
    public string Service => service;

    public string Scope => scope;

    public string Name => span.Name;

    public string TraceId { get; } = OtlpReceiver.Hex(span.TraceId);

    public string Id { get; } = OtlpReceiver.Hex(span.SpanId);

    /// <summary>Empty where it begins a trace.</summary>
    public string ParentId { get; } = OtlpReceiver.Hex(span.ParentSpanId);

    /// <summary>1 internal, 2 server, 3 client, 4 producer, 5 consumer.</summary>
    public int Kind => span.Kind;

    public bool IsError => span.Status?.Code == 2;

    public ulong Start => span.StartTimeUnixNano;

    public ulong End => span.EndTimeUnixNano;

    public IReadOnlyList<string> LinkedTraces { get; } = [.. span.Links.Select(link => OtlpReceiver.Hex(link.TraceId))];

    public IReadOnlyDictionary<string, string> Attributes { get; } = span.Attributes.ToDictionary(attribute => attribute.Key, attribute => TextOf(attribute.Value));

    public override string ToString() => $"{service}: {span.Name} {{{string.Join(", ", Attributes.Select(pair => $"{pair.Key}={pair.Value}"))}}}";

    private static string TextOf(AnyValue? value) => value?.ValueCase switch
    {
        AnyValue.ValueOneofCase.StringValue => value.StringValue,
        AnyValue.ValueOneofCase.BoolValue => value.BoolValue ? "true" : "false",
        AnyValue.ValueOneofCase.IntValue => $"{value.IntValue}",
        AnyValue.ValueOneofCase.DoubleValue => $"{value.DoubleValue}",
        _ => "",
    };
}

/// <summary>A received metric.</summary>
internal sealed record SentMetric(string Service, Metric Metric);

/// <summary>A received log record; its trace id is empty if it has none.</summary>
internal sealed record SentLog(string Service, string Text, string TraceId);
