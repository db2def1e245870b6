using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Polly;
using Polly.Retry;
using Shop.Cli.Running;
using Shop.Local.State;

namespace Shop.Cli.Demo;

/// <summary>An answer of the shop: its status, and its body where there is one.</summary>
internal sealed record Answer(HttpStatusCode Status, string Body)
{
    public bool Is(HttpStatusCode status) => Status == status;

    public T Read<T>() => JsonSerializer.Deserialize<T>(Body, JsonSerializerOptions.Web)
        ?? throw new JsonException($"An empty answer where {typeof(T).Name} was expected.");

    /// <summary>The problem's stable type without its prefix, or null.</summary>
    public string? Problem => Body.StartsWith('{') && JsonDocument.Parse(Body).RootElement.TryGetProperty("type", out var type)
        ? type.GetString()?.Split(':')[^1]
        : null;
}

/// <summary>
/// The shop's public APIs, called as people call them. What fails because something is down is repeated with the same
/// Idempotency-Key until the timeout, as a careful client does.
/// </summary>
internal sealed class ShopApi : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { MaxConnectionsPerServer = 64 }) { Timeout = TimeSpan.FromSeconds(10) };
    private readonly Dictionary<string, Uri> _services;
    private readonly ResiliencePipeline<Answer> _pipeline;
    private int _repeated;

    /// <param name="addresses">Where services are that do not belong to the shop of this machine.</param>
    /// <param name="timeout">How long to wait for any answer; a minute where it is left out.</param>
    public ShopApi(IReadOnlyDictionary<string, Uri> addresses, TimeSpan? timeout = null)
    {
        Timeout = timeout ?? TimeSpan.FromMinutes(1);
        var state = ShopState.Read(ShopHome.Root);
        _services = Names.ToDictionary(name => name, name => addresses.GetValueOrDefault(name) ?? new Uri(
            (state.Services.FirstOrDefault(service => service.Name == name) ?? HealthCheck.AtPreferredAddress(name)).Url));
        _pipeline = new ResiliencePipelineBuilder<Answer>()
            .AddTimeout(Timeout)
            .AddRetry(new RetryStrategyOptions<Answer>
            {
                ShouldHandle = new PredicateBuilder<Answer>()
                    .Handle<HttpRequestException>().Handle<TaskCanceledException>()
                    .HandleResult(answer => (int)answer.Status >= 500 || answer.Problem is "idempotency-key-in-use" or "concurrent-change"),
                MaxRetryAttempts = int.MaxValue,
                Delay = TimeSpan.FromMilliseconds(100),
                MaxDelay = TimeSpan.FromSeconds(3),
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                OnRetry = _ =>
                {
                    Interlocked.Increment(ref _repeated);
                    return default;
                },
            })
            .Build();
    }

    /// <summary>The services that it calls.</summary>
    public static string[] Names { get; } = ["ordering", "inventory", "notification", "analytics"];

    /// <summary>How long to wait for any answer, and for what is still on its way.</summary>
    public TimeSpan Timeout { get; }

    /// <summary>Requests that had to be repeated because something was down.</summary>
    public int Repeated => _repeated;

    public static string Token(string customer, bool staff = false) =>
        TokenCommand.Create(customer, staff, TimeSpan.FromHours(2), TimeProvider.System.GetUtcNow());

    public Task<Answer> GetAsync(string service, string path, string token, CancellationToken ct) =>
        SendAsync(HttpMethod.Get, service, path, token, null, null, ct);

    public Task<Answer> PutAsync(string service, string path, string token, object body, CancellationToken ct) =>
        SendAsync(HttpMethod.Put, service, path, token, body, null, ct);

    public Task<Answer> PostAsync(string service, string path, string token, object? body, string key, CancellationToken ct) =>
        SendAsync(HttpMethod.Post, service, path, token, body, key, ct);

    /// <summary>Every item of a paged list.</summary>
    public async Task<List<T>> ListAsync<T>(string service, string path, string token, CancellationToken ct)
    {
        List<T> all = [];
        string? cursor = null;
        do
        {
            var separator = path.Contains('?') ? '&' : '?';
            var page = (await GetAsync(service, $"{path}{separator}limit=200{(cursor is null ? "" : $"&cursor={cursor}")}", token, ct))
                .Read<Page<T>>();
            all.AddRange(page.Items);
            cursor = page.NextCursor;
        }
        while (cursor is not null);
        return all;
    }

    public void Dispose() => _http.Dispose();

    private async Task<Answer> SendAsync(
        HttpMethod method, string service, string path, string token, object? body, string? key, CancellationToken ct) =>
        await _pipeline.ExecuteAsync(async inner =>
        {
            using var request = new HttpRequestMessage(method, new Uri(_services[service], path));
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            request.Content = body is null ? null : JsonContent.Create(body);
            if (key is not null)
            {
                request.Headers.Add("Idempotency-Key", key);
            }

            using var response = await _http.SendAsync(request, inner);
            return new Answer(response.StatusCode, await response.Content.ReadAsStringAsync(inner));
        }, ct);
}
