using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Shop.Operations;

namespace Shop.Console.Tests;

/// <summary>A service of which only the answers matter: over HTTP, with what a real one would hardly say.</summary>
internal sealed class StaffApiStub : IAsyncDisposable
{
    private static readonly DateTimeOffset s_start = new(2026, 11, 28, 10, 0, 0, TimeSpan.Zero);

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

    /// <summary>An answer of a type that the clients read: Flows.Tests hold those types against the real services' answers.</summary>
    public void Answer<T>(string path, T answer) => Answers[path] = JsonSerializer.Serialize(answer, JsonSerializerOptions.Web);

    /// <summary>Its overview, with one queue.</summary>
    public void Overview(string service, int consumers = 1, string? error = null) => Answer("/operations", new ServiceOverview(
        service, "test/1", s_start, s_start, new OutboxNow(0, null, 0, null, null), new RelayNow("polling", 7, 1.5, null),
        [new QueueNow(service + ".things", 0, consumers, 0, 0, 0, 0, 0, 0, null, null, null)], 0, 0, 0,
        error is null ? null : new ErrorNow(s_start, "relay", error), null, null));

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
