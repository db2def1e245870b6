using System.Net;
using System.Text.Json;
using Shop.Analytics.Features.Projections;

namespace Shop.Analytics.Tests;

/// <summary>Who may start a rebuild, of what, and from when.</summary>
public class ProjectionRouteTests(AnalyticsFixture analytics) : IClassFixture<AnalyticsFixture>
{
    [Fact]
    public async Task Every_projection_is_listed_with_its_newest_rebuild()
    {
        await analytics.RebuildAsync("funnel");
        var newest = await analytics.RebuildAsync("funnel", "?from=2026-01-01");

        var list = await analytics.GetAsync<List<ProjectionResponse>>("/analytics/projections");

        Assert.Equal(["best-sellers", "funnel", "rejections", "sales", "stock-outs"], list.Select(projection => projection.Name));
        Assert.Equal(newest, list[1].LastRebuild);
        Assert.Equal(new DateOnly(2026, 1, 1), newest.From);
        Assert.NotNull(newest.FinishedAt);
    }

    [Fact]
    public async Task Only_staff_may_rebuild()
    {
        await ExpectAsync(HttpStatusCode.Unauthorized, "not-authenticated", "/analytics/projections/sales/rebuild", token: null);
        await ExpectAsync(HttpStatusCode.Forbidden, "not-allowed", "/analytics/projections/sales/rebuild", TestTokens.Customer());
        Assert.Equal(0, await analytics.Database.ScalarAsync<long>("SELECT count(*) FROM projection_rebuilds WHERE projection = 'sales'"));
    }

    [Theory]
    [InlineData("profits/rebuild", HttpStatusCode.NotFound, "not-found")]
    [InlineData("SALES/rebuild", HttpStatusCode.NotFound, "not-found")]
    [InlineData("sales/rebuild?from=yesterday", HttpStatusCode.BadRequest, "bad-date-range")]
    [InlineData("sales/rebuild?from=", HttpStatusCode.BadRequest, "bad-date-range")]
    [InlineData("sales/rebuild?from=9999-12-31", HttpStatusCode.BadRequest, "bad-date-range")]
    public Task A_rebuild_of_an_unknown_projection_or_from_an_invalid_day_is_rejected(string path, HttpStatusCode status, string code) =>
        ExpectAsync(status, code, "/analytics/projections/" + path, TestTokens.Staff());

    [Fact]
    public async Task A_rebuild_is_found_under_its_own_projection_only()
    {
        var rebuild = await analytics.RebuildAsync("rejections");
        using var client = analytics.Client(TestTokens.Staff());

        using var other = await client.GetAsync($"/analytics/projections/sales/rebuilds/{rebuild.Id}");
        using var malformed = await client.GetAsync("/analytics/projections/rejections/rebuilds/1");

        Assert.Equal((HttpStatusCode.NotFound, HttpStatusCode.NotFound), (other.StatusCode, malformed.StatusCode));
    }

    [Fact]
    public async Task The_same_request_again_starts_no_second_rebuild()
    {
        using var client = analytics.Client(TestTokens.Staff());
        client.DefaultRequestHeaders.Add("Idempotency-Key", "rebuild-once");

        using var first = await client.PostAsync("/analytics/projections/stock-outs/rebuild", null);
        await analytics.EndedAsync(first.Headers.Location!.OriginalString);
        using var again = await client.PostAsync("/analytics/projections/stock-outs/rebuild", null);

        Assert.Equal(HttpStatusCode.Accepted, again.StatusCode);
        Assert.Equal(await first.Content.ReadAsStringAsync(), await again.Content.ReadAsStringAsync());
        Assert.Equal(1, await analytics.Database.ScalarAsync<long>("SELECT count(*) FROM projection_rebuilds WHERE projection = 'stock-outs'"));
    }

    private async Task ExpectAsync(HttpStatusCode status, string code, string path, string? token)
    {
        using var client = analytics.Client(token);
        using var response = await client.PostAsync(path, null);
        var body = await response.Content.ReadAsStringAsync();

        Assert.True(status == response.StatusCode, $"{path} gave {response.StatusCode}: {body}");
        Assert.Equal("urn:shop:problem:" + code, JsonSerializer.Deserialize<JsonElement>(body).GetProperty("type").GetString());
    }
}
