using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Shop.Inventory.Features.OfferProduct;
using Shop.Ordering.Features.PlaceOrder;

namespace Shop.Flows.Tests;

/// <summary>An answer with its JSON.</summary>
internal sealed record Answer(HttpStatusCode Status, JsonElement Body)
{
    /// <summary>An order's status, or null where the answer is no order.</summary>
    public string? OrderStatus => Body.TryGetProperty("lines", out _) ? Body.GetProperty("status").GetString() : null;

    public Guid Id => Body.GetProperty("id").GetGuid();

    public Answer MustBe(params HttpStatusCode[] expected) => expected.Contains(Status)
        ? this
        : throw new InvalidOperationException($"The answer is {(int)Status} and not {string.Join(" or ", expected.Select(status => (int)status))}: {Body}");
}

/// <summary>What people do in a shop, over the services' APIs.</summary>
internal static class Http
{
    private const int Attempts = 5;

    /// <summary>Sends a request, and retries after a 503 as Retry-After allows.</summary>
    public static async Task<Answer> SendAsync(this HttpClient client, HttpMethod method, string path, object? body = null)
    {
        for (var attempt = 1; ; attempt++)
        {
            using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body) };
            using var response = await client.SendAsync(request);
            if (response is { StatusCode: HttpStatusCode.ServiceUnavailable, Headers.RetryAfter.Delta: { } pause } && attempt < Attempts)
            {
                await Task.Delay(pause);
                continue;
            }

            var text = await response.Content.ReadAsStringAsync();
            return new Answer(response.StatusCode, text.Length == 0 ? default : JsonDocument.Parse(text).RootElement);
        }
    }

    public static async Task<Answer> PlaceAsync(this WholeShop shop, string customer, params IEnumerable<(string Sku, int Quantity)> lines)
    {
        using var client = shop.Client<PlaceOrderRequest>(TestTokens.Customer(customer));
        return await client.SendAsync(
            HttpMethod.Post, "/orders", new { lines = lines.Select(line => new { sku = line.Sku, quantity = line.Quantity }) });
    }

    public static async Task<Answer> CancelAsync(this WholeShop shop, string customer, Guid order)
    {
        using var client = shop.Client<PlaceOrderRequest>(TestTokens.Customer(customer));
        return await client.SendAsync(HttpMethod.Post, $"/orders/{order}/cancel");
    }

    public static async Task<Answer> ReadAsync(this WholeShop shop, string customer, Guid order)
    {
        using var client = shop.Client<PlaceOrderRequest>(TestTokens.Customer(customer));
        return await client.SendAsync(HttpMethod.Get, $"/orders/{order}");
    }

    public static async Task<Answer> ShipAsync(this WholeShop shop, Guid order)
    {
        using var client = shop.Client<PlaceOrderRequest>(TestTokens.Staff());
        return await client.SendAsync(HttpMethod.Post, $"/orders/{order}/ship");
    }

    public static async Task<Answer> ReceiveAsync(this WholeShop shop, string sku, int quantity)
    {
        using var client = shop.Client<OfferProductRequest>(TestTokens.Staff());
        return await client.SendAsync(HttpMethod.Post, $"/products/{sku}/receipts", new { quantity });
    }

    public static async Task<Answer> OfferAsync(this WholeShop shop, string sku, decimal unitPrice)
    {
        using var client = shop.Client<OfferProductRequest>(TestTokens.Staff());
        return await client.SendAsync(HttpMethod.Put, $"/products/{sku}", new { name = $"The {sku}", unitPrice, currency = "EUR" });
    }

    /// <summary>Offers a product with units in stock and waits until Ordering has its price.</summary>
    public static async Task ListAsync(this WholeShop shop, TestDatabase ordering, string sku, int units, decimal unitPrice = 4)
    {
        (await shop.OfferAsync(sku, unitPrice)).MustBe(HttpStatusCode.Created);
        if (units > 0)
        {
            (await shop.ReceiveAsync(sku, units)).MustBe(HttpStatusCode.OK);
        }

        await Eventually.HoldsAsync($"Ordering knows {sku}", async () =>
            await ordering.ScalarAsync<long>($"SELECT count(*) FROM products WHERE sku = '{sku}' AND unit_price = {unitPrice}") == 1);
    }
}
