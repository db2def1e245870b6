using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Shop.Console.Tests;

/// <summary>A service of which only the answers matter: over HTTP, with what a real one would hardly say.</summary>
internal sealed class StaffApiStub : IAsyncDisposable
{
    private readonly WebApplication _app;

    private StaffApiStub(WebApplication app) => _app = app;

    /// <summary>The answers by path, without the query; what is missing is a 404.</summary>
    public ConcurrentDictionary<string, string> Answers { get; } = new();

    /// <summary>The method, path and bearer token of each request.</summary>
    public ConcurrentQueue<(string Method, string Path, string Token)> Requests { get; } = new();

    /// <summary>Until it is set, no answer is given.</summary>
    public TaskCompletionSource? Hold { get; set; }

    public string Address => _app.Urls.First();

    public static async Task<StaffApiStub> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var stub = new StaffApiStub(builder.Build());
        stub._app.Run(stub.AnswerAsync);
        await stub._app.StartAsync();
        return stub;
    }

    /// <summary>Its overview, with one queue.</summary>
    public void Overview(string service, int consumers = 1, string? error = null)
    {
        var last = error is null ? "null" : $$"""{"at":"2026-11-28T10:00:00Z","where":"relay","error":"{{error}}"}""";
        Answers["/operations"] = $$"""
            {"service":"{{service}}","instance":"test/1","startedAt":"2026-11-28T10:00:00Z","readAt":"2026-11-28T10:00:00Z",
             "outbox":{"waiting":0,"oldest":null,"parked":0,"parkedSince":null,"logBytes":null},
             "relay":{"kind":"polling","published":7,"perSecond":1.5,"lastPublishedAt":null,"unconfirmedSince":null},
             "queues":[{"queue":"{{service}}.things","ready":0,"consumers":{{consumers}},"deadLetters":0,"processing":0,"consumed":0,"duplicates":0,
               "retriedLater":0,"deadLettered":0,"lastSettledAt":null,"settledUpTo":null,"stalled":null}],
             "retrying":0,"discarded":0,"duplicates":0,"lastError":{{last}},"databaseError":null,"brokerError":null}
            """;
    }

    public ValueTask DisposeAsync()
    {
        Hold?.TrySetResult();
        return _app.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        var token = context.Request.Headers.Authorization.ToString().Replace("Bearer ", "", StringComparison.Ordinal);
        Requests.Enqueue((context.Request.Method, context.Request.Path, token));
        if (Hold is { } hold)
        {
            await hold.Task;
        }

        if (Answers.TryGetValue(context.Request.Path, out var answer))
        {
            context.Response.ContentType = "application/json";
            await context.Response.WriteAsync(answer);
        }
        else
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
        }
    }
}
