using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using static Shop.Inventory.Tests.InventoryService;

namespace Shop.Inventory.Tests;

[Collection(InventoryService.Name)]
public sealed class ProductApiTests(InventoryService inventory)
{
    private const string Tea = """{"name":"Tea","unitPrice":4.5,"currency":"EUR"}""";

    public static TheoryData<string, string> Routes => new()
    {
        { "PUT", "/products/TEA-1" },
        { "POST", "/products/TEA-1/receipts" },
        { "POST", "/products/TEA-1/adjustments" },
        { "PUT", "/products/TEA-1/low-stock-threshold" },
        { "GET", "/products" },
        { "GET", "/products/TEA-1" },
        { "GET", "/products/TEA-1/movements" },
    };

    [Fact]
    public async Task Its_AsyncAPI_document_is_served_without_a_token()
    {
        var (contentType, document) = await inventory.AsyncApiAsync();

        Assert.Equal("application/json; charset=utf-8", contentType);
        Assert.Equal("urn:shop:inventory", (string?)document!["id"]);
    }

    [Fact]
    public async Task A_new_product_is_created_and_can_be_read_by_anyone_with_a_token()
    {
        var sku = NewSku();

        using var created = await PutAsync(sku, Tea);

        Assert.Equal((HttpStatusCode.Created, $"/products/{sku}"), (created.StatusCode, created.Headers.Location!.OriginalString));
        var expected = $$"""{"sku":"{{sku}}","name":"Tea","unitPrice":4.50,"currency":"EUR","""
            + "\"onHand\":0,\"reserved\":0,\"shipped\":0,\"available\":0,\"version\":1}";
        Assert.Equal(expected, await created.Content.ReadAsStringAsync());
        Assert.Equal(expected, await inventory.Customer.GetStringAsync($"/products/{sku}"));
    }

    [Fact]
    public async Task Offering_again_answers_200_and_raises_the_version_only_where_something_changed()
    {
        var sku = await inventory.StockedAsync(0);

        using var same = await PutAsync(sku, Tea);
        using var dearer = await PutAsync(sku, Tea.Replace("4.5", "5", StringComparison.Ordinal));

        Assert.Equal((HttpStatusCode.OK, 1), (same.StatusCode, (await JsonAsync(same)).GetProperty("version").GetInt32()));
        Assert.Equal((HttpStatusCode.OK, 2), (dearer.StatusCode, (await JsonAsync(dearer)).GetProperty("version").GetInt32()));
    }

    [Fact]
    public async Task Two_concurrent_requests_list_a_product_once()
    {
        var sku = NewSku();

        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => PutAsync(sku, Tea)));

        Assert.Equal(1, answers.Count(answer => answer.StatusCode == HttpStatusCode.Created));
        Assert.Equal(7, answers.Count(answer => answer.StatusCode == HttpStatusCode.OK));
    }

    [Theory]
    [InlineData("""{"name":"Tea","unitPrice":4.5,"currency":"EUR""", 400, "malformed-request")]
    [InlineData("", 400, "malformed-request")]
    [InlineData("null", 400, "malformed-request")]
    [InlineData("[]", 400, "malformed-request")]
    [InlineData("""{"name":"Tea","unitPrice":4.5,"currency":"EUR","onHand":7}""", 400, "malformed-request")]
    [InlineData("""{"name":"Tea","unitPrice":"4.5","currency":"EUR"}""", 400, "malformed-request")]
    [InlineData("""{"name":"Tea","unitPrice":1e400,"currency":"EUR"}""", 400, "malformed-request")]
    [InlineData("""{"name":"Tea","unitPrice":4.50000000000000000000000000001,"currency":"EUR"}""", 400, "malformed-request")] // not rounded to 4.5
    [InlineData("""{"name":"Tea","currency":"EUR"}""", 400, "malformed-request")]
    [InlineData("""{"name":null,"unitPrice":4.5,"currency":"EUR"}""", 400, "malformed-request")]
    [InlineData("""{"name":"","unitPrice":4.5,"currency":"EUR"}""", 400, "validation")]
    [InlineData("""{"name":"Tea","unitPrice":4.5,"currency":"EURO"}""", 400, "validation")]
    [InlineData("""{"name":"Te\u0000a","unitPrice":4.5,"currency":"EUR"}""", 400, "malformed-request")]
    [InlineData("""{"name":"Tea","unitPrice":4.505,"currency":"EUR"}""", 422, "invalid-price")]
    [InlineData("""{"name":"Tea","unitPrice":-1,"currency":"EUR"}""", 422, "invalid-price")]
    [InlineData("""{"name":"Tea","unitPrice":4.5,"currency":"eur"}""", 422, "invalid-currency")]
    [InlineData("""{"name":"Tea","unitPrice":4.5,"currency":"QQQ"}""", 422, "invalid-currency")]
    [InlineData("""{"name":"Tea","unitPrice":79228162514264337593543950335,"currency":"EUR"}""", 422, "invalid-price")]
    public async Task An_invalid_offer_is_rejected_with_a_problem(string body, int status, string code)
    {
        var sku = NewSku();

        using var answer = await PutAsync(sku, body);

        await IsProblemAsync(answer, status, code);
        Assert.Equal(HttpStatusCode.NotFound, (await inventory.Customer.GetAsync($"/products/{sku}")).StatusCode);
    }

    [Theory]
    [InlineData("TEA%201")]
    [InlineData("TEA%0A")]
    [InlineData("TH%C3%89")]
    [InlineData("12345678901234567890123456789012345678901234567890123456789012345")]
    public async Task An_invalid_sku_can_be_neither_listed_nor_found(string sku)
    {
        using var offered = await PutAsync(sku, Tea);
        using var received = await inventory.ReceiveAsync(sku, """{"quantity":1}""");
        using var read = await inventory.Customer.GetAsync($"/products/{sku}");
        using var ledger = await inventory.Staff.GetAsync($"/products/{sku}/movements");

        await IsProblemAsync(offered, 422, "invalid-sku");
        await IsProblemAsync(received, 404, "not-found");
        await IsProblemAsync(read, 404, "not-found");
        await IsProblemAsync(ledger, 404, "not-found");
    }

    [Fact]
    public async Task A_body_over_64_KiB_is_too_large()
    {
        var sku = await inventory.StockedAsync(0);
        var large = $$"""{"name":"{{new string('x', 65 * 1024)}}","unitPrice":1,"currency":"EUR"}""";

        using var offered = await PutAsync(sku, large);
        using var received = await inventory.ReceiveAsync(sku, large);
        using var keyed = await inventory.ReceiveAsync(sku, large, NewSku("key"));

        await IsProblemAsync(offered, 413, "body-too-large");
        await IsProblemAsync(received, 413, "body-too-large");
        await IsProblemAsync(keyed, 413, "body-too-large");
    }

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task Without_a_valid_token_every_route_answers_401(string method, string path)
    {
        string?[] tokens = [null, "nonsense", TestTokens.Expired(role: "staff"), TestTokens.SignedWithAnotherKey(role: "staff"),
            TestTokens.ForAnotherAudience(), TestTokens.FromAnotherIssuer(), TestTokens.WithoutSignature(role: "staff")];
        foreach (var token in tokens)
        {
            using var answer = await SendAsync(inventory.Client(token), method, path);
            await IsProblemAsync(answer, 401, "not-authenticated");
        }
    }

    [Theory]
    [InlineData("PUT", "/products/TEA-1")]
    [InlineData("POST", "/products/TEA-1/receipts")]
    [InlineData("POST", "/products/TEA-1/adjustments")]
    [InlineData("PUT", "/products/TEA-1/low-stock-threshold")]
    [InlineData("GET", "/products/TEA-1/movements")]
    public async Task Staff_routes_answer_others_403(string method, string path)
    {
        foreach (var token in new[] { TestTokens.Customer(), TestTokens.WithRole("manager") })
        {
            using var answer = await SendAsync(inventory.Client(token), method, path);
            await IsProblemAsync(answer, 403, "not-allowed");
        }
    }

    [Fact]
    public async Task An_unlisted_product_is_not_found()
    {
        var sku = NewSku();

        await IsProblemAsync(await inventory.Customer.GetAsync($"/products/{sku}"), 404, "not-found");
        await IsProblemAsync(await inventory.Staff.GetAsync($"/products/{sku}/movements"), 404, "not-found");
        await IsProblemAsync(await inventory.ReceiveAsync(sku, """{"quantity":1}"""), 404, "not-found");
        await IsProblemAsync(await inventory.ReceiveAsync(sku, """{"quantity":1}""", NewSku("key")), 404, "not-found");
    }

    [Fact]
    public async Task Products_are_paged_by_sku()
    {
        var skus = new List<string>();
        for (var i = 0; i < 5; i++)
        {
            skus.Add(await inventory.StockedAsync(0, NewSku(i % 2 == 0 ? "page" : "PAGE")));
        }

        var read = await ReadAllAsync(inventory.Customer, "/products?limit=2", item => item.GetProperty("sku").GetString()!);

        Assert.Equal(read.Order(StringComparer.Ordinal), read);
        Assert.Equal(read.Distinct(), read);
        Assert.Empty(skus.Except(read));
    }

    [Theory]
    [InlineData("limit=0", "validation")]
    [InlineData("limit=201", "validation")]
    [InlineData("limit=many", "malformed-request")]
    [InlineData("cursor=!", "malformed-request")]
    [InlineData("cursor=AAAA", "malformed-request")]
    public async Task An_invalid_page_is_rejected(string query, string code)
    {
        var sku = await inventory.StockedAsync(1);

        await IsProblemAsync(await inventory.Customer.GetAsync($"/products?{query}"), 400, code);
        await IsProblemAsync(await inventory.Staff.GetAsync($"/products/{sku}/movements?{query}"), 400, code);
    }

    [Theory]
    [InlineData("/health/live")]
    [InlineData("/health/ready")]
    [InlineData("/openapi/v1.json")]
    public async Task Health_and_the_API_s_description_need_no_token(string path) =>
        Assert.Equal(HttpStatusCode.OK, (await inventory.Client().GetAsync(path)).StatusCode);

    private static async Task<HttpResponseMessage> SendAsync(HttpClient client, string method, string path)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        request.Content = method == "GET" ? null : Json(method == "PUT" ? Tea : """{"quantity":1}""");
        return await client.SendAsync(request);
    }

    private Task<HttpResponseMessage> PutAsync(string sku, string body) => inventory.Staff.PutAsync($"/products/{sku}", Json(body));
}
