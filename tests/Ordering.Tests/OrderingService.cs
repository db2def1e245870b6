using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;

namespace Shop.Ordering.Tests;

/// <summary>Ordering, whole and real; the test plays Inventory.</summary>
public sealed class OrderingService : ServiceFixture<Program>, IAsyncLifetime
{
    public HttpClient As(string customer) => Client(TestTokens.Customer(customer));

    public HttpClient AsStaff() => Client(TestTokens.Staff());

    /// <summary>Lists a product under a sku of its own and waits until it can be ordered.</summary>
    public async Task<string> ListedAsync(decimal price = 4, string currency = "EUR")
    {
        var sku = $"SKU-{Guid.CreateVersion7():N}";
        var now = TimeProvider.System.GetUtcNow();
        await Wire.PublishAsync(new ProductListed(Guid.CreateVersion7(now), now, sku, 1, "Tea", price, currency));
        await KnownAsync(sku, price);
        return sku;
    }

    public Task KnownAsync(string sku, decimal price) => Eventually.HoldsAsync($"Ordering knows that {sku} costs {price}", async () =>
        await Database.ScalarAsync<long>($"SELECT count(*) FROM products WHERE sku = '{sku}' AND unit_price = {price}") == 1);

    /// <summary>Places an order; fails unless it is taken.</summary>
    public async Task<JsonElement> PlaceAsync(string customer, string sku, int quantity = 1)
    {
        var (status, order) = await SendAsync(As(customer), "/orders", $$"""{"lines":[{"sku":"{{sku}}","quantity":{{quantity}}}]}""");
        Assert.Equal(HttpStatusCode.Created, status);
        return order;
    }

    /// <summary>Places an order and has Inventory set its stock aside.</summary>
    public async Task<Guid> ConfirmedAsync(string customer, string sku)
    {
        var id = (await PlaceAsync(customer, sku)).GetProperty("id").GetGuid();
        await Wire.PublishAsync(Reserved(id, sku));
        await StatusIsAsync(id, "confirmed");
        return id;
    }

    public static StockReserved Reserved(Guid order, string sku)
    {
        var now = TimeProvider.System.GetUtcNow();
        return new StockReserved(Guid.CreateVersion7(now), now, order, 1, [new StockReserved.Line(sku, 1)]);
    }

    public static StockReservationFailed Failed(Guid order, string sku, int asked, int available)
    {
        var now = TimeProvider.System.GetUtcNow();
        return new StockReservationFailed(Guid.CreateVersion7(now), now, order, 1, [new StockReservationFailed.ShortLine(sku, asked, available)]);
    }

    public Task<JsonElement> StatusIsAsync(Guid id, string status) => Eventually.IsAsync($"order {id} is {status}",
        () => GetAsync(AsStaff(), $"/orders/{id}"), order => order.GetProperty("status").GetString() == status);

    public static async Task<JsonElement> GetAsync(HttpClient client, string path) =>
        JsonDocument.Parse(await client.GetStringAsync(new Uri(path, UriKind.Relative))).RootElement;

    /// <summary>Posts a body as it is; the answer's status and JSON.</summary>
    public static async Task<(HttpStatusCode Status, JsonElement Body)> SendAsync(
        HttpClient client, string path, string? json = null, string? key = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = json is null ? null : new StringContent(json, Encoding.UTF8, "application/json"),
        };
        if (key is not null)
        {
            request.Headers.Add("Idempotency-Key", key);
        }

        using var response = await client.SendAsync(request);
        var body = await response.Content.ReadAsStringAsync();
        return (response.StatusCode, body.Length == 0 ? default : JsonDocument.Parse(body).RootElement);
    }

    /// <summary>The events of a type that Ordering has told of an order.</summary>
    public IReadOnlyList<T> Told<T>(Guid order)
        where T : IIntegrationEvent => [.. Wire.HeardOf<T>().Where(e => e.AggregateId == order.ToString())];
}
