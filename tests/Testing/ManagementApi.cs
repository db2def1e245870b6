using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace Shop.Testing;

/// <summary>Calls of RabbitMQ's management API as an administrator.</summary>
internal sealed class ManagementApi : IDisposable
{
    private readonly HttpClient _http;

    public ManagementApi(ServerAddresses server)
    {
        var credentials = server.RabbitMq.UserInfo.Split(':').Select(Uri.UnescapeDataString).ToArray();
        User = credentials[0];
        _http = new HttpClient { BaseAddress = new Uri(server.Management, "api/"), Timeout = TimeSpan.FromSeconds(30) };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(string.Join(':', credentials))));
    }

    public string User { get; }

    public static string Escape(string name) => Uri.EscapeDataString(name);

    public Task<JsonElement> GetAsync(string path) => SendAsync<object>(HttpMethod.Get, path, null);

    /// <summary>The response's JSON, or null. A missing object counts as deleted.</summary>
    public async Task<JsonElement> SendAsync<T>(HttpMethod method, string path, T? body)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body) };
        if (request.Content is { } content)
        {
            await content.LoadIntoBufferAsync(); // else chunked, which the API does not take everywhere
        }

        using var response = await _http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        if (!response.IsSuccessStatusCode && !(method == HttpMethod.Delete && response.StatusCode == HttpStatusCode.NotFound))
        {
            throw new InvalidOperationException($"RabbitMQ refused {method} {path} ({(int)response.StatusCode}): {text}");
        }

        return response.IsSuccessStatusCode && text.Length > 0 ? JsonSerializer.Deserialize<JsonElement>(text) : default;
    }

    public void Dispose() => _http.Dispose();
}
