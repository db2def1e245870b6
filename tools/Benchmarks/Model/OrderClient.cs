using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Shop.Benchmarks.Servers;

namespace Shop.Benchmarks.Model;

/// <summary>Customers who place orders over HTTP, at their times, whatever became of the earlier ones.</summary>
internal sealed class OrderClient(ShopProcess shop) : IDisposable
{
    private const int Customers = 200;
    private const int Products = 20;
    private readonly HttpClient _http = new(new SocketsHttpHandler { MaxConnectionsPerServer = 128 }) { Timeout = TimeSpan.FromSeconds(30) };
    private readonly AuthenticationHeaderValue[] _customers =
        [.. Enumerable.Range(0, Customers).Select(number => new AuthenticationHeaderValue("Bearer", TestTokens.Customer($"customer-{number}")))];

    private readonly string _run = Guid.CreateVersion7().ToString("N");
    private readonly ConcurrentDictionary<Guid, DateTimeOffset> _sent = [];
    private int _placed;

    /// <summary>When each order's request was sent.</summary>
    public IReadOnlyDictionary<Guid, DateTimeOffset> Sent => _sent;

    /// <summary>Orders that were answered with 201.</summary>
    public int Placed => _placed;

    /// <summary>Lists the products, receives stock, and puts the customers' contacts.</summary>
    public async Task OpenAsync(CancellationToken ct)
    {
        var staff = new AuthenticationHeaderValue("Bearer", TestTokens.Staff());
        for (var number = 0; number < Products; number++)
        {
            await SendAsync(HttpMethod.Put, "inventory", $"/products/SKU-{number}", staff,
                new { name = $"Product {number}", unitPrice = 4.50m + number, currency = "EUR" }, ct);
            await SendAsync(HttpMethod.Post, "inventory", $"/products/SKU-{number}/receipts", staff, new { quantity = 1_000_000 }, ct);
        }

        for (var number = 0; number < Customers; number++)
        {
            await SendAsync(HttpMethod.Put, "notification", "/contacts/me", _customers[number],
                new { name = $"Customer {number}", email = $"customer-{number}@example.com" }, ct);
        }

        await Eventually.HoldsAsync("Ordering knows the prices", async () =>
            await shop.ScalarAsync<long>("ordering", "SELECT count(*) FROM products WHERE price_version > 0") == Products);
    }

    /// <summary>Returns when the last order is answered.</summary>
    public Task PlaceAsync(int rate, TimeSpan time, CancellationToken ct) => Pace.KeepAsync(rate, time, () => PlaceOneAsync(ct), ct);

    public void Dispose() => _http.Dispose();

    private async Task PlaceOneAsync(CancellationToken ct)
    {
        var first = Random.Shared.Next(Products);
        var lines = Enumerable.Range(0, Random.Shared.Next(1, 4)).Select(next => new { sku = $"SKU-{(first + next) % Products}", quantity = Random.Shared.Next(1, 4) });
        var at = TimeProvider.System.GetUtcNow();
        var order = await SendAsync(HttpMethod.Post, "ordering", "/orders", _customers[Random.Shared.Next(Customers)], new { lines }, ct);
        _sent[order.GetProperty("id").GetGuid()] = at;
        Interlocked.Increment(ref _placed);
    }

    private async Task<JsonElement> SendAsync(HttpMethod method, string service, string path, AuthenticationHeaderValue who, object content, CancellationToken ct)
    {
        var instances = shop.Services[service];
        using var request = new HttpRequestMessage(method, new Uri(instances[Random.Shared.Next(instances.Count)], path))
        {
            Headers = { Authorization = who },
            Content = new StringContent(JsonSerializer.Serialize(content, JsonSerializerOptions.Web), Encoding.UTF8, "application/json"),
        };
        if (method == HttpMethod.Post)
        {
            request.Headers.Add("Idempotency-Key", $"{_run}-{Guid.CreateVersion7():N}");
        }

        using var response = await _http.SendAsync(request, ct);
        var body = await response.Content.ReadAsByteArrayAsync(ct);
        return response.StatusCode is HttpStatusCode.OK or HttpStatusCode.Created
            ? JsonSerializer.Deserialize<JsonElement>(body)
            : throw new InvalidOperationException($"{method} {path} was answered with {(int)response.StatusCode}: {Encoding.UTF8.GetString(body)}");
    }
}
