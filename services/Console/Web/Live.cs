using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.Console.SignIn;
using Shop.Operations;

namespace Shop.Console.Web;

/// <summary>
/// A part of a page as a stream of server-sent events: the same component, rendered again and sent when it has changed. It ends with the
/// token, and with the application.
/// </summary>
internal sealed class Live(
    IServiceProvider services, ILoggerFactory logs, IHttpContextAccessor http, IHostApplicationLifetime lifetime, TimeProvider clock)
{
    /// <param name="interval">Between two looks.</param>
    /// <param name="readAsync">The parameters of the component, as the members of an object.</param>
    public ServerSentEventsResult<string> Stream<T>(TimeSpan interval, Func<CancellationToken, Task<Dictionary<string, object?>>> readAsync)
        where T : IComponent
    {
        http.HttpContext!.Response.Headers["X-Accel-Buffering"] = "no";
        return TypedResults.ServerSentEvents(PartsAsync<T>(interval, readAsync, http.HttpContext.RequestAborted));
    }

    private async IAsyncEnumerable<SseItem<string>> PartsAsync<T>(
        TimeSpan interval, Func<CancellationToken, Task<Dictionary<string, object?>>> readAsync, [EnumeratorCancellation] CancellationToken aborted)
        where T : IComponent
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(aborted, lifetime.ApplicationStopping);
        var left = http.HttpContext!.User.SignedInUntil() - clock.GetUtcNow();
        using var expiry = new CancellationTokenSource(left > TimeSpan.Zero && left < TimeSpan.FromDays(1) ? left : TimeSpan.FromDays(1), clock);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(end.Token, expiry.Token);
        using var timer = new PeriodicTimer(interval, clock);
        var last = "";
        do
        {
            string part;
            try
            {
                part = await RenderAsync<T>(await readAsync(any.Token));
            }
            catch (OperationCanceledException)
            {
                yield break;
            }
            catch (Exception e) when (e is HttpRequestException or StaffApiException or Polly.ExecutionRejectedException or System.Text.Json.JsonException)
            {
                yield break; // the page says that it is not live, and asks again in a few seconds
            }

            if (part != last)
            {
                yield return new SseItem<string>(last = part);
            }
        }
        while (await WaitAsync(timer, any.Token));
    }

    /// <summary>With a renderer each time: it keeps what it has rendered.</summary>
    private async Task<string> RenderAsync<T>(Dictionary<string, object?> parameters)
        where T : IComponent
    {
        await using var renderer = new HtmlRenderer(services, logs);
        return await renderer.Dispatcher.InvokeAsync(async () =>
            (await renderer.RenderComponentAsync<T>(ParameterView.FromDictionary(parameters))).ToHtmlString());
    }

    private static async Task<bool> WaitAsync(PeriodicTimer timer, CancellationToken ct)
    {
        try
        {
            return await timer.WaitForNextTickAsync(ct);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
