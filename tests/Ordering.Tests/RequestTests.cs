using System.Net;
using System.Text;
using System.Text.Json;

namespace Shop.Ordering.Tests;

/// <summary>Malformed requests of every kind, each beside a similar valid one.</summary>
public sealed class RequestTests(OrderingService ordering) : IClassFixture<OrderingService>
{
    [Theory]
    [InlineData("""{"lines":[null]}""", "lines[0] is null")]
    [InlineData("""{"lines":[{"sku":"X","quantity":1},null]}""", "lines[1] is null")]
    [InlineData("""{"lines":[{"sku":"X","quantity":1,"note":[[],[1,null]]}]}""", "lines[0].note[1][1] is null")]
    [InlineData("""{"LINES":[null]}""", "LINES[0] is null")]
    [InlineData("[null]", "[0] is null")]
    public async Task A_null_in_a_list_is_rejected_and_its_place_named(string json, string detail)
    {
        var problem = await RefusedAsync(json, 400, "malformed-request");

        Assert.StartsWith(detail, problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_null_in_a_list_is_rejected_where_a_member_may_be_null()
    {
        var (status, _) = await OrderingService.SendAsync(ordering.As("ada"), "/orders",
            $$"""{"channel":null,"lines":[{"sku":"{{await ordering.ListedAsync()}}","quantity":1}]}""");

        Assert.Equal(HttpStatusCode.Created, status);
    }

    [Theory]
    [InlineData("""{"lines":[{"sku":"a\u0000b","quantity":1}]}""", "lines[0].sku contains a NUL")]
    [InlineData("""{"lines":[{"sku":"X","quantity":1}],"channel":"\u0000"}""", "channel contains a NUL")]
    [InlineData("""{"a\u0000":1}""", @"a\\u0000 contains a NUL")]
    [InlineData("""{"lines":[{"sku":"\ud800","quantity":1}]}""", "lines[0].sku contains a lone surrogate")]
    [InlineData("""{"lines":[{"sku":"\udc00\ud800","quantity":1}]}""", "lines[0].sku contains a lone surrogate")]
    public async Task Text_with_a_NUL_or_a_lone_surrogate_is_rejected(string json, string detail)
    {
        var problem = await RefusedAsync(json, 400, "malformed-request");

        Assert.StartsWith(detail.Replace(@"\\", @"\", StringComparison.Ordinal), problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a\\\\u0000b")] // a backslash, a letter, four digits
    [InlineData("\\ud83c\\udf75")]
    public Task Text_that_looks_like_an_escaped_NUL_or_surrogate_is_text(string sku) =>
        RefusedAsync($$"""{"lines":[{"sku":"{{sku}}","quantity":1}]}""", 422, "unknown-sku");

    [Theory]
    [InlineData("/outbox/retry?stream=%00", "POST")]
    [InlineData("/outbox/retry?stream=a%00b", "POST")]
    [InlineData("/orders?status=%00", "GET")]
    [InlineData("/orders?cursor=%00", "GET")]
    [InlineData("/orders?%00=1", "GET")]
    [InlineData("/dead-letters?queue=%00", "GET")]
    public async Task A_query_with_a_NUL_is_rejected(string path, string method)
    {
        using var answer = await SendAsync(method, path);

        await IsProblemAsync(answer, 400, "malformed-request");
    }

    [Theory]
    [InlineData("application/json; charset=klingon", 415)]
    [InlineData("application/json; charset=utf-7", 415)]
    [InlineData("application/json; charset=utf-16", 415)]
    [InlineData("application/json; charset=UTF-8", 422)]
    [InlineData("application/json; charset=\"utf-8\"", 422)]
    [InlineData("application/json", 422)]
    public async Task A_body_must_be_UTF8_with_or_without_a_charset(string type, int status)
    {
        using var answer = await SendAsync("POST", "/orders", """{"lines":[{"sku":"X","quantity":1}]}""", type);

        await IsProblemAsync(answer, status, status == 415 ? "unsupported-media-type" : "unknown-sku");
    }

    [Theory]
    [InlineData("""{"lines":[{"sku":"X","quantity":1,"quantity":3}]}""", "lines[0].quantity")]
    [InlineData("""{"lines":[{"sku":"X","quantity":1,"Quantity":3}]}""", "lines[0].Quantity")]
    [InlineData("""{"lines":[],"lines":[{"sku":"X","quantity":1}]}""", "lines")]
    public async Task A_duplicate_member_is_rejected(string json, string place)
    {
        var problem = await RefusedAsync(json, 400, "malformed-request");

        Assert.Equal($"{place} occurs more than once.", problem.GetProperty("detail").GetString());
    }

    [Theory]
    [InlineData("""{"lines":[{"sku":"X","quantity":0}]}""", "lines[0].quantity", "The field quantity must be between 1 and 1000.")]
    [InlineData("""{"lines":[{"sku":"X","quantity":1},{"sku":"","quantity":1}]}""", "lines[1].sku", "The sku field is required.")]
    [InlineData("""{"lines":[]}""", "lines", "The field lines must be a string or array type with a minimum length of '1'.")]
    public async Task A_member_out_of_range_is_named_as_in_JSON(string json, string member, string error)
    {
        var problem = await RefusedAsync(json, 400, "validation");

        var errors = Assert.Single(problem.GetProperty("errors").EnumerateObject());
        Assert.Equal((member, error), (errors.Name, errors.Value[0].GetString()));
    }

    [Theory]
    [InlineData("""{"lines":[{"sku":"X","quantity":"1"}]}""", "lines[0].quantity has a wrong type or format; see /openapi/v1.json.")]
    [InlineData("""{"lines":[{"sku":"X","quantity":1}],"note":"x"}""", "note is unknown; see /openapi/v1.json.")]
    [InlineData("""{"lines":[{"quantity":1}]}""", "The body lacks 'sku' in lines[0].")]
    [InlineData("""{"lines":null}""", "lines has a wrong type or format; see /openapi/v1.json.")]
    [InlineData("", "The request requires a body of type application/json.")]
    public async Task An_unreadable_request_is_explained_in_JSON_names(string json, string detail) =>
        Assert.Equal(detail, (await RefusedAsync(json, 400, "malformed-request")).GetProperty("detail").GetString());

    [Theory]
    [InlineData("/orders?limit=abc", "'limit' cannot be read from 'abc'.")]
    [InlineData("/dead-letters?limit=%1B%5B2J%0A", "'limit' cannot be read from '\\u001b[2J\\u000a'.")]
    public async Task A_parameter_that_cannot_be_read_is_named_without_a_type_and_shown_escaped(string path, string detail)
    {
        using var answer = await SendAsync("GET", path);

        Assert.Equal(detail, (await IsProblemAsync(answer, 400, "malformed-request")).GetProperty("detail").GetString());
    }

    [Theory]
    [InlineData("/dead-letters")]
    [InlineData("/dead-letters/discarded")]
    [InlineData("/outbox")]
    [InlineData("/orders")]
    public async Task A_limit_is_one_to_two_hundred_everywhere(string path)
    {
        foreach (var limit in (string[])["-1", "0", "201", "2000000000"])
        {
            using var refused = await SendAsync("GET", $"{path}?limit={limit}");
            var problem = await IsProblemAsync(refused, 400, "validation");
            Assert.Equal("limit", Assert.Single(problem.GetProperty("errors").EnumerateObject()).Name);
        }

        foreach (var limit in (string[])["1", "200"])
        {
            using var good = await SendAsync("GET", $"{path}?limit={limit}");
            Assert.Equal(HttpStatusCode.OK, good.StatusCode);
        }
    }

    [Theory]
    [InlineData("text/event-stream")]
    [InlineData("text/html")]
    [InlineData("application/xml")]
    [InlineData("*/*;q=0")]
    public async Task An_error_is_a_problem_document_whatever_the_caller_accepts(string accept)
    {
        using var anonymous = ordering.Client();
        (HttpClient Caller, string Method, string Path, string? Body, int Status)[] errors =
        [
            (anonymous, "GET", "/orders", null, 401), (ordering.As("ada"), "GET", "/outbox", null, 403), (ordering.As("ada"), "GET", "/nothing", null, 404),
            (ordering.As("ada"), "GET", "/openapi/v2.json", null, 404),
            (ordering.As("ada"), "PATCH", "/orders", null, 405), (ordering.As("ada"), "POST", "/orders", "{", 400),
            (ordering.As("ada"), "POST", "/orders", """{"lines":[]}""", 400), (ordering.As("ada"), "GET", $"/orders/{Guid.Empty}/events", null, 404),
            (ordering.As("ada"), "POST", "/orders", """{"lines":[{"sku":"X","quantity":1}]}""", 422),
        ];
        foreach (var (caller, method, path, body, status) in errors)
        {
            using var answer = await SendAsync(method, path, body, accept: accept, client: caller);
            await IsProblemAsync(answer, status);
            using var keyed = await SendAsync(method, path, body, accept: accept, client: caller, key: $"key-{accept}-{path}-{body}");
            await IsProblemAsync(keyed, status);
        }
    }

    [Fact]
    public async Task HEAD_is_GET_without_a_body()
    {
        var order = (await ordering.PlaceAsync("ada", await ordering.ListedAsync())).GetProperty("id").GetGuid();
        foreach (var path in (string[])["/orders", $"/orders/{order}", $"/orders/{order}/history", "/customers/me", $"/orders/{order}/events",
            $"/orders/{Guid.Empty}", "/orders?limit=0", "/outbox", "/dead-letters", "/health/live", "/openapi/v1.json", "/asyncapi/v1.json"])
        {
            using var get = await SendAsync("GET", path);
            using var head = await SendAsync("HEAD", path);

            Assert.Equal((get.StatusCode, get.Content.Headers.ContentType), (head.StatusCode, head.Content.Headers.ContentType));
            Assert.Empty(await head.Content.ReadAsByteArrayAsync());
        }

        using var post = await SendAsync("HEAD", "/outbox/retry");
        Assert.Equal(HttpStatusCode.MethodNotAllowed, post.StatusCode);
    }

    [Theory]
    [InlineData("because\u001b[31m", false)]
    [InlineData("because\nof that", false)]
    [InlineData("because\u2028of that", false)]
    [InlineData("\u202ebecause", false)]
    [InlineData(" ", false)]
    [InlineData("because of that: ü, 茶, 🍵", true)]
    public async Task A_reason_must_be_one_line_without_control_characters(string reason, bool good)
    {
        using var answer = await SendAsync("POST", "/dead-letters/ordering.stock-reserved/no-such-id/discard", JsonSerializer.Serialize(new { reason }));

        if (good)
        {
            Assert.Equal((HttpStatusCode.OK, """{"count":0,"left":0}"""), (answer.StatusCode, await answer.Content.ReadAsStringAsync())); // nothing is left to move
        }
        else
        {
            await IsProblemAsync(answer, 400, "validation");
        }
    }

    private async Task<JsonElement> RefusedAsync(string json, int status, string code)
    {
        using var answer = await SendAsync("POST", "/orders", json, client: ordering.As("ada"));
        return await IsProblemAsync(answer, status, code);
    }

    private static async Task<JsonElement> IsProblemAsync(HttpResponseMessage answer, int status, string? code = null)
    {
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True((status, "application/problem+json") == ((int)answer.StatusCode, answer.Content.Headers.ContentType?.MediaType),
            $"{(int)answer.StatusCode} {answer.Content.Headers.ContentType} instead of {status}: {text}");
        var problem = JsonDocument.Parse(text).RootElement;
        Assert.StartsWith($"urn:shop:problem:{code}", problem.GetProperty("type").GetString(), StringComparison.Ordinal);
        return problem;
    }

    private async Task<HttpResponseMessage> SendAsync(string method, string path, string? body = null, string type = "application/json",
        string? accept = null, HttpClient? client = null, string? key = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
        }

        request.Headers.TryAddWithoutValidation("Accept", accept ?? "application/json");
        request.Headers.TryAddWithoutValidation("Idempotency-Key", key is null ? [] : [key]);
        return await (client ?? ordering.AsStaff()).SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }
}
