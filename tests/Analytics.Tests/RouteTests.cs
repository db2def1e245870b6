using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Shop.Analytics.Features.Funnel;
using Shop.Analytics.Features.SalesPerDay;

namespace Shop.Analytics.Tests;

/// <summary>The routes of a service that has received no events yet.</summary>
public class RouteTests(AnalyticsFixture analytics) : IClassFixture<AnalyticsFixture>
{
    private static readonly string[] s_ranges =
        ["/analytics/sales", "/analytics/best-sellers", "/analytics/funnel", "/analytics/rejections", "/analytics/stock-outs"];

    public static TheoryData<string> Routes => ["/analytics/sales", "/analytics/funnel", "/analytics/events",
        "/analytics/best-sellers", "/analytics/rejections", "/analytics/stock-outs", "/analytics/projections",
        "/analytics/projections/sales/rebuilds/01890000-0000-7000-8000-000000000000", "/outbox"];

    [Theory, MemberData(nameof(Routes))]
    public async Task Without_a_valid_token_there_is_no_answer(string path)
    {
        string?[] tokens = [null, "nonsense", TestTokens.Expired(role: "staff"), TestTokens.SignedWithAnotherKey(role: "staff"),
            TestTokens.WithoutSignature(role: "staff")];
        foreach (var token in tokens)
        {
            await ExpectProblemAsync(HttpStatusCode.Unauthorized, "not-authenticated", path, token);
        }
    }

    [Fact]
    public async Task Its_AsyncAPI_document_is_served_without_a_token()
    {
        var (contentType, document) = await analytics.AsyncApiAsync();

        Assert.Equal("application/json; charset=utf-8", contentType);
        Assert.Equal("urn:shop:analytics", (string?)document!["id"]);
    }

    [Theory, MemberData(nameof(Routes))]
    public async Task The_shops_figures_are_for_staff_only(string path)
    {
        await ExpectProblemAsync(HttpStatusCode.Forbidden, "not-allowed", path, TestTokens.Customer());
        await ExpectProblemAsync(HttpStatusCode.Forbidden, "not-allowed", path, TestTokens.WithRole("manager"));
    }

    [Theory]
    [InlineData("from=2026-02-30")]
    [InlineData("to=11/22/2026")]
    [InlineData("from=2026-1-2")]
    [InlineData("from=")]
    [InlineData("from=2026-11-02&to=2026-11-01")]
    [InlineData("from=9999-12-31")]
    [InlineData("from=2023-01-01&to=2024-01-02")]
    [InlineData("from=0001-01-01&to=9999-12-31")]
    public async Task An_invalid_range_is_rejected(string query)
    {
        foreach (var path in s_ranges)
        {
            await ExpectProblemAsync(HttpStatusCode.BadRequest, "bad-date-range", $"{path}?{query}", TestTokens.Staff());
        }
    }

    [Theory]
    [InlineData("from=2024-01-01&to=2024-12-31", "2024-01-01", "2024-12-31")]
    [InlineData("from=2026-11-01&to=2026-11-01", "2026-11-01", "2026-11-01")]
    [InlineData("to=2026-11-30", "2026-11-01", "2026-11-30")]
    [InlineData("to=0001-01-01", "0001-01-01", "0001-01-01")]
    [InlineData("from=9999-12-31&to=9999-12-31", "9999-12-31", "9999-12-31")]
    public async Task A_range_includes_both_its_ends(string query, string from, string to)
    {
        foreach (var path in s_ranges)
        {
            var figures = await analytics.GetAsync<JsonElement>($"{path}?{query}");

            Assert.Equal((from, to), (figures.GetProperty("from").GetString(), figures.GetProperty("to").GetString()));
            Assert.All(figures.EnumerateObject().Where(member => member.Value.ValueKind == JsonValueKind.Array),
                member => Assert.Equal(0, member.Value.GetArrayLength()));
        }
    }

    [Fact]
    public async Task Without_a_range_it_is_the_last_thirty_days()
    {
        var before = DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime);
        var sales = await analytics.GetAsync<SalesResponse>("/analytics/sales");

        Assert.InRange(sales.To, before, before.AddDays(1));
        Assert.Equal(29, sales.To.DayNumber - sales.From.DayNumber);
    }

    [Fact]
    public async Task Before_the_first_order_the_funnel_is_empty()
    {
        var funnel = await analytics.GetAsync<FunnelResponse>("/analytics/funnel");

        Assert.Equal(
            new FunnelResponse(funnel.From, funnel.To, 0, 0, 0, 0, 0, new StepTimes(null, null), new StepTimes(null, null)), funnel);
    }

    [Fact]
    public async Task An_unknown_aggregate_has_an_empty_page()
    {
        var page = await analytics.GetAsync<JsonElement>("/analytics/events?aggregateId=%27%3B--");

        Assert.Equal("""{"items":[],"nextCursor":null}""", page.GetRawText());
    }

    [Theory]
    [InlineData("limit=0", "validation")]
    [InlineData("limit=201", "validation")]
    [InlineData("limit=many", "malformed-request")]
    [InlineData("cursor=%C3%A4", "malformed-request")]
    [InlineData("cursor=bm90IG91cnM", "malformed-request")]
    [InlineData("cursor=OTk5OTk5OTk5OTk5OTk5OTk5OSAw", "malformed-request")]
    [InlineData("type=ordering.order-teleported.v1", "unknown-event-type")]
    [InlineData("aggregateId=a%00b", "malformed-request")]
    [InlineData("from=%00", "malformed-request")]
    public Task An_invalid_list_query_is_rejected(string query, string code) =>
        ExpectProblemAsync(HttpStatusCode.BadRequest, code, "/analytics/events?" + query, TestTokens.Staff());

    [Theory]
    [InlineData("limit=0", "validation")]
    [InlineData("limit=101", "validation")]
    [InlineData("limit=all", "malformed-request")]
    public Task Best_sellers_are_limited(string query, string code) =>
        ExpectProblemAsync(HttpStatusCode.BadRequest, code, "/analytics/best-sellers?" + query, TestTokens.Staff());

    [Fact]
    public async Task Figures_are_read_only()
    {
        using var client = analytics.Client(TestTokens.Staff());
        using var response = await client.PostAsJsonAsync("/analytics/sales", new { });

        Assert.Equal(HttpStatusCode.MethodNotAllowed, response.StatusCode);
    }

    [Fact]
    public async Task Staff_can_see_the_outbox_of_a_service_and_retry_parked_events()
    {
        using var client = analytics.Client(TestTokens.Staff());
        var outbox = await client.GetFromJsonAsync<JsonElement>("/outbox");
        Assert.Equal((0, 0), (outbox.GetProperty("waiting").GetInt64(), outbox.GetProperty("parked").GetInt64()));
        var published = outbox.GetProperty("published"); // Analytics publishes nothing
        Assert.Equal((0, 0), (published.GetProperty("count").GetInt64(), published.GetProperty("last").GetArrayLength()));
        Assert.EndsWith($"/{Environment.ProcessId}", published.GetProperty("instance").GetString(), StringComparison.Ordinal);

        using var all = await client.PostAsync("/outbox/retry", content: null);
        Assert.Equal(HttpStatusCode.OK, all.StatusCode);
        using var one = await client.PostAsync("/outbox/retry?stream=nobody", content: null);
        Assert.Equal(HttpStatusCode.NotFound, one.StatusCode);
        using var customer = analytics.Client(TestTokens.Customer());
        using var refused = await customer.PostAsync("/outbox/retry", content: null);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
    }

    [Theory]
    [InlineData("/health/live")]
    [InlineData("/health/ready")]
    [InlineData("/openapi/v1.json")]
    public async Task Public_routes_need_no_token(string path)
    {
        using var client = analytics.Client(token: null);
        using var response = await client.GetAsync(path);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    private async Task ExpectProblemAsync(HttpStatusCode status, string code, string path, string? token)
    {
        using var client = analytics.Client(token);
        using var response = await client.GetAsync(path);
        var body = await response.Content.ReadAsStringAsync();

        Assert.True(status == response.StatusCode, $"{path} gave {response.StatusCode}: {body}");
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal("urn:shop:problem:" + code, JsonSerializer.Deserialize<JsonElement>(body).GetProperty("type").GetString());
    }
}
