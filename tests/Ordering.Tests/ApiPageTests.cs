using System.Net;
using System.Text.RegularExpressions;

namespace Shop.Ordering.Tests;

/// <summary>The page over the OpenAPI document is there for everybody, and needs nothing from another host.</summary>
public sealed partial class ApiPageTests(OrderingService ordering) : IClassFixture<OrderingService>
{
    [Fact]
    public async Task The_page_its_script_and_its_document_come_from_the_service_and_the_browser_may_call_no_other_host()
    {
        using var client = ordering.Client();
        using var answer = await client.GetAsync(new Uri("/scalar/", UriKind.Relative));
        answer.EnsureSuccessStatusCode();
        var html = await answer.Content.ReadAsStringAsync();

        Assert.DoesNotMatch(AnotherHost(), html);
        var scripts = Script().Matches(html).Select(match => match.Groups[1].Value).ToList();
        Assert.NotEmpty(scripts);
        foreach (var script in scripts)
        {
            using var served = await client.GetAsync(new Uri(answer.RequestMessage!.RequestUri!, script));
            Assert.Equal((HttpStatusCode.OK, "text/javascript"), (served.StatusCode, served.Content.Headers.ContentType?.MediaType));
        }

        // The browser blocks all other requests of the script: only the service and the page's own sources are allowed.
        var policy = Assert.Single(answer.Headers.GetValues("Content-Security-Policy"))
            .Split(';').Select(directive => directive.Trim().Split(' ')).ToDictionary(words => words[0], words => words[1..]);
        Assert.Equal(["'none'"], policy["default-src"]);
        Assert.Equal(["'self'"], policy["connect-src"]);
        Assert.All(policy.Values.SelectMany(sources => sources), source =>
            Assert.True(source is "'self'" or "'none'" or "data:" or "'unsafe-inline'" || Nonce().IsMatch(source), source));
        Assert.DoesNotContain("'unsafe-inline'", policy["script-src"]);
    }

    [GeneratedRegex("(https?:)?//[a-z0-9]", RegexOptions.IgnoreCase)]
    private static partial Regex AnotherHost();

    [GeneratedRegex("<script[^>]* src=\"([^\"]+)\"")]
    private static partial Regex Script();

    [GeneratedRegex("^'nonce-[A-Za-z0-9+/=]{22,}'$")]
    private static partial Regex Nonce();
}
