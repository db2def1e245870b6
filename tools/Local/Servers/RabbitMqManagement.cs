using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Shop.Local.Servers;

/// <summary>The few calls of RabbitMQ's management API that running a node needs; they are much faster than rabbitmqctl.</summary>
internal sealed class RabbitMqManagement : IDisposable
{
    private readonly HttpClient _http;

    public RabbitMqManagement(Uri address, string user, string password)
    {
        _http = new HttpClient { BaseAddress = new Uri(address, "api/"), Timeout = TimeSpan.FromSeconds(20) };
        _http.DefaultRequestHeaders.ConnectionClose = true; // the node waits 5 s for open ones when it is stopped
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}")));
    }

    public async Task<JsonObject> GetAsync(string path, CancellationToken ct) => (await _http.GetFromJsonAsync<JsonObject>(path, ct))!;

    /// <summary>
    /// Loads definitions; existing objects stay. Retries a few times: RabbitMQ 3.10 sometimes fails to declare a quorum queue if
    /// the queue's tick happens during its initialization (a function_clause in rabbit_quorum_queue:handle_tick).
    /// </summary>
    public async Task LoadAsync<T>(T definitions, CancellationToken ct)
    {
        for (var left = 5; ; left--)
        {
            using var response = await _http.PostAsJsonAsync("definitions", definitions, ct);
            if (left == 0 || response.StatusCode is not (HttpStatusCode.BadRequest or HttpStatusCode.InternalServerError))
            {
                await ThrowIfRefusedAsync(response, ct);
                return;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(300), ct);
        }
    }

    public async Task PutAsync<T>(string path, T body, CancellationToken ct)
    {
        using var response = await _http.PutAsJsonAsync(path, body, ct);
        await ThrowIfRefusedAsync(response, ct);
    }

    /// <summary>Gone already is as good.</summary>
    public async Task DeleteAsync(string path, CancellationToken ct)
    {
        using var response = await _http.DeleteAsync(new Uri(path, UriKind.Relative), ct);
        if (response.StatusCode != HttpStatusCode.NotFound)
        {
            await ThrowIfRefusedAsync(response, ct);
        }
    }

    /// <summary>True when clients are served and no alarm blocks publishers.</summary>
    public async Task<bool> IsHealthyAsync(int amqpPort, CancellationToken ct)
    {
        using var soon = CancellationTokenSource.CreateLinkedTokenSource(ct);
        soon.CancelAfter(TimeSpan.FromSeconds(4));
        try
        {
            return await SucceedsAsync($"health/checks/port-listener/{amqpPort}", soon.Token)
                && await SucceedsAsync("health/checks/local-alarms", soon.Token);
        }
        catch (Exception failed) when (failed is HttpRequestException or OperationCanceledException && !ct.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <summary>A node that an older RabbitMQ created lacks those of the newer, such as stream_queue, which dead letters need.</summary>
    public async Task EnableFeatureFlagsAsync(CancellationToken ct)
    {
        var flags = await _http.GetFromJsonAsync<JsonElement>("feature-flags", ct);
        foreach (var flag in flags.EnumerateArray())
        {
            var name = flag.GetProperty("name").GetString()!;
            if (flag.GetProperty("state").GetString() == "disabled" && flag.GetProperty("stability").GetString() != "experimental")
            {
                await PutAsync($"feature-flags/{Uri.EscapeDataString(name)}/enable", new { name }, ct);
            }
        }
    }

    public void Dispose() => _http.Dispose();

    private async Task<bool> SucceedsAsync(string path, CancellationToken ct)
    {
        using var response = await _http.GetAsync(new Uri(path, UriKind.Relative), ct);
        return response.IsSuccessStatusCode;
    }

    private static async Task ThrowIfRefusedAsync(HttpResponseMessage response, CancellationToken ct)
    {
        if (!response.IsSuccessStatusCode)
        {
            var reason = await response.Content.ReadAsStringAsync(ct);
            throw new InvalidOperationException(
                $"RabbitMQ refused {response.RequestMessage!.Method} {response.RequestMessage.RequestUri} ({(int)response.StatusCode}): {reason}");
        }
    }
}
