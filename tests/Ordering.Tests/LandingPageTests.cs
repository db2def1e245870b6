using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Shop.Ordering.Tests;

/// <summary>What a person finds who opens a service's address in a browser, and what an error is called.</summary>
public sealed partial class LandingPageTests(OrderingService ordering) : IClassFixture<OrderingService>
{
    [Fact]
    public async Task The_root_page_is_public_and_its_links_resolve()
    {
        using var client = ordering.Client();
        using var response = await client.GetAsync(new Uri("/", UriKind.Relative));
        var page = await response.Content.ReadAsStringAsync();

        Assert.Equal((HttpStatusCode.OK, "text/html"), (response.StatusCode, response.Content.Headers.ContentType?.MediaType));
        var links = Link().Matches(page).Select(match => match.Groups[1].Value).ToList();
        Assert.Equal(["/scalar", "/openapi/v1.json", "/asyncapi/v1.json", "/health/ready"], links);
        foreach (var link in links)
        {
            using var answer = await client.GetAsync(new Uri(link, UriKind.Relative));
            Assert.True(answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.Redirect, $"{link} answers {answer.StatusCode}");
        }
    }

    [Fact]
    public async Task The_page_loads_nothing_and_its_policy_allows_only_its_own_style()
    {
        using var response = await ordering.Client().GetAsync(new Uri("/", UriKind.Relative));
        var page = await response.Content.ReadAsStringAsync();

        Assert.DoesNotMatch("(?i)<script|https?://| src=|@import|url\\(", page);
        var style = Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(page.Split("<style>")[1].Split("</style>")[0])));
        var policy = string.Join(' ', response.Headers.GetValues("Content-Security-Policy"));
        Assert.StartsWith("default-src 'none';", policy, StringComparison.Ordinal);
        Assert.Contains($"style-src 'sha256-{style}'", policy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_problem_has_the_title_that_HTTP_gives_its_status()
    {
        var unknown = await TitleAsync(ordering.Client(), $"/orders/{Guid.CreateVersion7()}");
        var missing = await TitleAsync(ordering.As("ada"), $"/orders/{Guid.CreateVersion7()}");
        var (_, unprocessable) = await OrderingService.SendAsync(
            ordering.As("ada"), "/orders", """{"lines":[{"sku":"NO-SUCH-SKU","quantity":1}]}""");

        Assert.Equal(("Unauthorized", "Not Found", "Unprocessable Entity"), (unknown, missing, unprocessable.GetProperty("title").GetString()));
    }

    private static async Task<string?> TitleAsync(HttpClient client, string path)
    {
        using var response = await client.GetAsync(new Uri(path, UriKind.Relative));
        return JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement.GetProperty("title").GetString();
    }

    [GeneratedRegex("<a href=\"([^\"]+)\"")]
    private static partial Regex Link();
}
