using System.Net;
using System.Text.Json;

namespace Shop.Ordering.Tests;

/// <summary>Each route with good and bad input and with the wrong caller.</summary>
public sealed class OrderApiTests(OrderingService ordering) : IClassFixture<OrderingService>
{
    [Fact]
    public async Task A_placed_order_matches_the_contract()
    {
        var sku = await ordering.ListedAsync(price: 4.25m);

        var order = await ordering.PlaceAsync("no-regular", sku, quantity: 3);

        Assert.Equal(["id", "status", "lines", "discount", "total", "currency", "placedAt", "version"],
            order.EnumerateObject().Select(member => member.Name));
        Assert.Equal(("placed", 12.75m, 0m, "EUR", 1), (order.GetProperty("status").GetString(), order.GetProperty("total").GetDecimal(),
            order.GetProperty("discount").GetDecimal(), order.GetProperty("currency").GetString(), order.GetProperty("version").GetInt32()));
        var line = Assert.Single(order.GetProperty("lines").EnumerateArray());
        Assert.Equal((sku, "Tea", 3, 4.25m), (line.GetProperty("sku").GetString(), line.GetProperty("name").GetString(),
            line.GetProperty("quantity").GetInt32(), line.GetProperty("unitPrice").GetDecimal()));
        var read = await OrderingService.GetAsync(ordering.As("no-regular"), $"/orders/{order.GetProperty("id").GetGuid()}");
        Assert.Equal(order.GetRawText(), read.GetRawText());
    }

    [Theory]
    [InlineData("JPY", 101, "96", "5")]
    [InlineData("KWD", 1.234, "1.172", "0.062")]
    [InlineData("EUR", 4.25, "4.04", "0.21")]
    public async Task A_preferred_customers_total_is_rounded_to_the_currencys_minor_unit(string currency, decimal price, string total, string discount)
    {
        var customer = $"regular-{Guid.CreateVersion7():N}";
        await ordering.Database.ExecuteAsync(
            $"INSERT INTO customers (id, confirmed_orders, preferred_since, version) VALUES ('{customer}', 3, now(), 3)");

        var placed = await ordering.PlaceAsync(customer, await ordering.ListedAsync(price, currency));
        var read = await OrderingService.GetAsync(ordering.As(customer), $"/orders/{placed.GetProperty("id").GetGuid()}");

        Assert.Equal((total, discount), (placed.GetProperty("total").GetRawText(), placed.GetProperty("discount").GetRawText()));
        Assert.Equal(placed.GetRawText(), read.GetRawText());
    }

    [Fact]
    public async Task Its_AsyncAPI_document_is_served_without_a_token()
    {
        var (contentType, document) = await ordering.AsyncApiAsync();

        Assert.Equal("application/json; charset=utf-8", contentType);
        Assert.Equal("urn:shop:ordering", (string?)document!["id"]);
    }

    [Theory]
    [InlineData("this is no JSON", 400, "malformed-request")]
    [InlineData("", 400, "malformed-request")]
    [InlineData("null", 400, "malformed-request")]
    [InlineData("{}", 400, "malformed-request")]
    [InlineData("""{"lines":null}""", 400, "malformed-request")]
    [InlineData("""{"lines":[]}""", 400, "validation")]
    [InlineData("""{"lines":[{"sku":"X","quantity":1}],"note":"unknown member"}""", 400, "malformed-request")]
    [InlineData("""{"lines":[{"sku":"X","quantity":1,"price":0.01}]}""", 400, "malformed-request")]
    [InlineData("""{"lines":[{"sku":"X","quantity":0}]}""", 400, "validation")]
    [InlineData("""{"lines":[{"sku":"X","quantity":-1}]}""", 400, "validation")]
    [InlineData("""{"lines":[{"sku":"X","quantity":1001}]}""", 400, "validation")]
    [InlineData("""{"lines":[{"sku":"X","quantity":99999999999}]}""", 400, "malformed-request")]
    [InlineData("""{"lines":[{"sku":"X","quantity":1.5}]}""", 400, "malformed-request")]
    [InlineData("""{"lines":[{"sku":"X","quantity":"1"}]}""", 400, "malformed-request")]
    [InlineData("""{"lines":[{"sku":"","quantity":1}]}""", 400, "validation")]
    [InlineData("""{"lines":[{"quantity":1}]}""", 400, "malformed-request")]
    [InlineData("""{"lines":[{"sku":"X","quantity":1}],"channel":"Web shop"}""", 400, "validation")]
    [InlineData("""{"lines":[{"sku":"NO-SUCH-SKU","quantity":1}]}""", 422, "unknown-sku")]
    public async Task An_invalid_order_is_rejected_with_a_problem(string json, int status, string code)
    {
        var (answer, problem) = await OrderingService.SendAsync(ordering.As("ada"), "/orders", json);

        Assert.Equal((status, $"urn:shop:problem:{code}"), ((int)answer, problem.GetProperty("type").GetString()));
        Assert.DoesNotContain(" at ", problem.GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_sku_is_named()
    {
        var (_, problem) = await OrderingService.SendAsync(ordering.As("ada"), "/orders", """{"lines":[{"sku":"GHOST-1","quantity":1}]}""");

        Assert.Contains("GHOST-1", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_sku_without_a_price_is_named_and_nothing_is_placed()
    {
        var known = await ordering.ListedAsync();
        var customer = $"hopeful-{Guid.CreateVersion7():N}";

        var (status, problem) = await OrderingService.SendAsync(ordering.As(customer), "/orders",
            $$"""{"lines":[{"sku":"GHOST-1","quantity":1},{"sku":"{{known}}","quantity":1},{"sku":"GHOST-2","quantity":1}]}""");

        Assert.Equal((HttpStatusCode.UnprocessableEntity, "urn:shop:problem:unknown-sku"), (status, problem.GetProperty("type").GetString()));
        Assert.Equal("Unknown sku: GHOST-1, GHOST-2.", problem.GetProperty("detail").GetString());
        Assert.Equal(0, await ordering.Database.ScalarAsync<long>($"SELECT count(*) FROM orders WHERE customer_id = '{customer}'"));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(int.MinValue)]
    public async Task An_order_line_of_zero_or_negative_units_is_rejected(int quantity)
    {
        var sku = await ordering.ListedAsync();

        var (status, problem) = await OrderingService.SendAsync(
            ordering.As("ada"), "/orders", $$"""{"lines":[{"sku":"{{sku}}","quantity":{{quantity}}}]}""");

        Assert.Equal((HttpStatusCode.BadRequest, "urn:shop:problem:validation"), (status, problem.GetProperty("type").GetString()));
    }

    [Fact]
    public async Task A_duplicate_sku_is_rejected()
    {
        var sku = await ordering.ListedAsync();

        var (status, problem) = await OrderingService.SendAsync(ordering.As("ada"), "/orders",
            $$"""{"lines":[{"sku":"{{sku}}","quantity":1},{"sku":"{{sku}}","quantity":2}]}""");

        Assert.Equal((HttpStatusCode.UnprocessableEntity, "urn:shop:problem:duplicate-sku"), (status, problem.GetProperty("type").GetString()));
    }

    [Fact]
    public async Task An_order_of_two_hundred_lines_is_rejected()
    {
        var lines = string.Join(',', Enumerable.Range(0, 200).Select(i => $$"""{"sku":"S-{{i}}","quantity":1}"""));

        var (status, _) = await OrderingService.SendAsync(ordering.As("ada"), "/orders", $$"""{"lines":[{{lines}}]}""");

        Assert.Equal(HttpStatusCode.BadRequest, status);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("a-key-for-a-large-body")]
    public async Task A_body_over_64_KiB_is_rejected(string? key)
    {
        var (status, problem) = await OrderingService.SendAsync(
            ordering.As("ada"), "/orders", $$"""{"lines":[{"sku":"{{new string('x', 70_000)}}","quantity":1}]}""", key);

        Assert.Equal((HttpStatusCode.RequestEntityTooLarge, "urn:shop:problem:body-too-large"), (status, problem.GetProperty("type").GetString()));
    }

    [Theory]
    [InlineData("POST", "/orders")]
    [InlineData("GET", "/orders")]
    [InlineData("GET", "/orders/018f0000-0000-7000-8000-000000000001")]
    [InlineData("POST", "/orders/018f0000-0000-7000-8000-000000000001/cancel")]
    [InlineData("POST", "/orders/018f0000-0000-7000-8000-000000000001/ship")]
    [InlineData("GET", "/orders/018f0000-0000-7000-8000-000000000001/history")]
    [InlineData("GET", "/orders/018f0000-0000-7000-8000-000000000001/events")]
    [InlineData("GET", "/customers/me")]
    public async Task A_valid_token_is_required(string method, string path)
    {
        string?[] tokens = [null, TestTokens.Expired(), TestTokens.SignedWithAnotherKey(), TestTokens.WithoutSignature(),
            TestTokens.ForAnotherAudience(), TestTokens.FromAnotherIssuer()];
        foreach (var token in tokens)
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), path);
            using var response = await ordering.Client(token).SendAsync(request);

            Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
            Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        }
    }

    [Fact]
    public async Task Another_customers_order_is_not_found()
    {
        var id = (await ordering.PlaceAsync("ada", await ordering.ListedAsync())).GetProperty("id").GetGuid();

        Assert.Equal(HttpStatusCode.NotFound, (await ordering.As("bob").GetAsync(new Uri($"/orders/{id}", UriKind.Relative))).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await OrderingService.SendAsync(ordering.As("bob"), $"/orders/{id}/cancel")).Status);
        Assert.Equal(HttpStatusCode.OK, (await ordering.AsStaff().GetAsync(new Uri($"/orders/{id}", UriKind.Relative))).StatusCode);
    }

    [Fact]
    public async Task Only_staff_ship_and_only_confirmed_orders()
    {
        var sku = await ordering.ListedAsync();
        var placed = (await ordering.PlaceAsync("ada", sku)).GetProperty("id").GetGuid();
        var confirmed = await ordering.ConfirmedAsync("ada", sku);

        Assert.Equal(HttpStatusCode.Forbidden, (await OrderingService.SendAsync(ordering.As("ada"), $"/orders/{confirmed}/ship")).Status);
        var (conflict, problem) = await OrderingService.SendAsync(ordering.AsStaff(), $"/orders/{placed}/ship");
        Assert.Equal((HttpStatusCode.Conflict, "urn:shop:problem:order-not-shippable"), (conflict, problem.GetProperty("type").GetString()));
        var (ok, shipped) = await OrderingService.SendAsync(ordering.AsStaff(), $"/orders/{confirmed}/ship");
        Assert.Equal((HttpStatusCode.OK, "shipped"), (ok, shipped.GetProperty("status").GetString()));
        Assert.Equal(HttpStatusCode.Conflict, (await OrderingService.SendAsync(ordering.As("ada"), $"/orders/{confirmed}/cancel")).Status);
    }

    [Fact]
    public async Task A_list_is_paged_newest_first_and_shows_only_the_callers_orders()
    {
        var sku = await ordering.ListedAsync();
        var customer = $"pager-{Guid.CreateVersion7():N}";
        List<Guid> placed = [];
        for (var i = 0; i < 5; i++)
        {
            placed.Add((await ordering.PlaceAsync(customer, sku)).GetProperty("id").GetGuid());
        }

        await ordering.PlaceAsync("somebody-else", sku);
        List<Guid> listed = [];
        string? cursor = null;
        do
        {
            var page = await OrderingService.GetAsync(ordering.As(customer), $"/orders?limit=2&cursor={cursor}");
            listed.AddRange(page.GetProperty("items").EnumerateArray().Select(order => order.GetProperty("id").GetGuid()));
            cursor = page.GetProperty("nextCursor").GetString();
        }
        while (cursor is not null);

        Assert.Equal(Enumerable.Reverse(placed), listed);
        var none = await OrderingService.GetAsync(ordering.As(customer), "/orders?status=shipped");
        Assert.Empty(none.GetProperty("items").EnumerateArray());
    }

    [Theory]
    [InlineData("/orders?limit=0")]
    [InlineData("/orders?limit=201")]
    [InlineData("/orders?limit=many")]
    [InlineData("/orders?cursor=not-ours")]
    [InlineData("/orders?status=lost")]
    [InlineData("/orders?status=7")]
    public async Task A_bad_query_is_a_400(string path)
    {
        using var response = await ordering.As("ada").GetAsync(new Uri(path, UriKind.Relative));

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.StartsWith("urn:shop:problem:", JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement
            .GetProperty("type").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/openapi/v1.json")]
    [InlineData("/health/live")]
    [InlineData("/health/ready")]
    public async Task Health_and_documents_need_no_token(string path) =>
        Assert.Equal(HttpStatusCode.OK, (await ordering.Client().GetAsync(new Uri(path, UriKind.Relative))).StatusCode);

    [Fact]
    public async Task An_unknown_route_is_a_404_problem()
    {
        using var response = await ordering.As("ada").GetAsync(new Uri("/nothing-here", UriKind.Relative));

        Assert.Equal((HttpStatusCode.NotFound, "application/problem+json"), (response.StatusCode, response.Content.Headers.ContentType?.MediaType));
    }
}
