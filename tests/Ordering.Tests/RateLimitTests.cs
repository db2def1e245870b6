using System.Net;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Shop.Ordering.Features.OrderEvents;

namespace Shop.Ordering.Tests;

/// <summary>An Ordering with low limits.</summary>
public sealed class LimitedOrdering : OrderingService
{
    protected override IReadOnlyDictionary<string, string?> Settings => new Dictionary<string, string?>(base.Settings)
    {
        ["RateLimits:ReadBurst"] = "3",
        ["RateLimits:ReadsPerSecond"] = "1",
        ["RateLimits:WriteBurst"] = "3",
        ["RateLimits:WritesPerSecond"] = "1",
        ["RateLimits:AnonymousBurst"] = "3",
        ["RateLimits:AnonymousPerSecond"] = "1",
        ["RateLimits:StreamsPerCaller"] = "3",
        ["RateLimits:Concurrent"] = "1",
    };
}

/// <summary>Callers over the limit are rejected; the others are served. Each test has its own callers.</summary>
public sealed class RateLimitTests(LimitedOrdering ordering) : IClassFixture<LimitedOrdering>
{
    [Fact]
    public async Task A_caller_who_exceeds_the_write_rate_gets_Retry_After_and_reads_and_others_are_not_affected()
    {
        var ada = ordering.As("hasty-writer");

        await IsTooManyAsync(await UntilRefusedAsync(_ => ada.PostAsync(new Uri($"/orders/{Guid.Empty}/cancel", UriKind.Relative), null), HttpStatusCode.NotFound));
        using var read = await ada.GetAsync(new Uri("/orders", UriKind.Relative));
        using var other = await ordering.As("bob").PostAsync(new Uri($"/orders/{Guid.Empty}/cancel", UriKind.Relative), null);
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.NotFound), (read.StatusCode, other.StatusCode));
    }

    [Fact]
    public async Task A_caller_who_exceeds_the_read_rate_gets_a_429()
    {
        await IsTooManyAsync(await UntilRefusedAsync(_ => ReadAsync(ordering.As("hasty-reader")), HttpStatusCode.OK));
    }

    [Fact]
    public async Task Anonymous_callers_are_limited_by_address_and_health_checks_are_not_limited()
    {
        await IsTooManyAsync(await UntilRefusedAsync(_ => ReadAsync(ordering.Client()), HttpStatusCode.Unauthorized));
        await IsTooManyAsync(await UntilRefusedAsync(_ => ReadAsync(ordering.Client(TestTokens.Expired())), HttpStatusCode.Unauthorized));
        for (var i = 0; i < 20; i++)
        {
            using var health = await ordering.Client().GetAsync(new Uri("/health/live", UriKind.Relative));
            Assert.Equal(HttpStatusCode.OK, health.StatusCode);
        }

        using var known = await ordering.As("known").GetAsync(new Uri("/orders", UriKind.Relative));
        Assert.Equal(HttpStatusCode.OK, known.StatusCode);
    }

    [Fact]
    public async Task Forwarded_headers_of_an_unknown_proxy_are_ignored()
    {
        // More valid addresses than the test can send: after the 255th of a network, a service that trusts the header would refuse too.
        await IsTooManyAsync(await UntilRefusedAsync(
            number => ReadAsync(ordering.Client(), $"10.{number >> 16}.{(number >> 8) & 255}.{number & 255}"), HttpStatusCode.Unauthorized));
    }

    [Fact]
    public async Task Behind_a_known_ingress_each_caller_has_the_address_that_the_ingress_saw()
    {
        await using var behind = await SecondOrdering.BesideAsync(ordering, settings: new Dictionary<string, string?>
        {
            ["Ingress:KnownNetworks:0"] = "127.0.0.0/8",
            ["Ingress:KnownNetworks:1"] = "::1",
            ["RateLimits:AnonymousBurst"] = "3",
            ["RateLimits:AnonymousPerSecond"] = "1",
        });
        for (var i = 1; i <= 20; i++)
        {
            using var answer = await ReadAsync(behind.Client(), $"203.0.113.{i}");
            Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        }

        // A client's own entries precede the one that the ingress adds, and are ignored; an invalid entry is no address.
        await IsTooManyAsync(await UntilRefusedAsync(
            number => ReadAsync(behind.Client(), $"198.51.100.{number}, 203.0.113.99"), HttpStatusCode.Unauthorized));
        await IsTooManyAsync(await UntilRefusedAsync(
            number => ReadAsync(behind.Client(), $"junk-{number}"), HttpStatusCode.Unauthorized));
    }

    [Theory]
    [InlineData("10.42.0.0/99")]
    [InlineData("ingress")]
    public async Task An_invalid_ingress_network_prevents_startup(string network)
    {
        var failure = await Assert.ThrowsAnyAsync<Exception>(async () => await SecondOrdering.BesideAsync(
            ordering, settings: new Dictionary<string, string?> { ["Ingress:KnownNetworks:0"] = network }));

        Assert.Contains("Ingress:KnownNetworks must contain networks such as", failure.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_overloaded_service_answers_503()
    {
        var sku = await ordering.ListedAsync();

        // One runs, and waits for the table that this test has locked; four more may wait for it.
        await using var held = await ordering.HoldAsync("LOCK TABLE order_lines IN ACCESS EXCLUSIVE MODE");
        var orders = Enumerable.Range(0, 8).Select(number => OrderingService.SendAsync(
            ordering.As($"crowd-{number}"), "/orders", $$"""{"lines":[{"sku":"{{sku}}","quantity":1}]}""")).ToList();
        var refused = new List<(HttpStatusCode Status, JsonElement Body)>();
        while (refused.Count < 3)
        {
            var next = await Task.WhenAny(orders).WaitAsync(TimeSpan.FromMinutes(5));
            orders.Remove(next);
            refused.Add(await next);
        }

        await held.RollbackAsync();
        Assert.All(refused, answer => Assert.Equal((HttpStatusCode.ServiceUnavailable, "urn:shop:problem:overloaded"),
            (answer.Status, answer.Body.GetProperty("type").GetString())));
        Assert.All(await Task.WhenAll(orders), answer => Assert.Equal(HttpStatusCode.Created, answer.Status));
    }

    [Fact]
    public async Task A_caller_s_open_streams_are_limited()
    {
        var ada = ordering.As("streamer");
        var id = (await ordering.PlaceAsync("streamer", await ordering.ListedAsync())).GetProperty("id").GetGuid();
        var streams = new List<HttpResponseMessage>();
        for (var i = 0; i < 3; i++)
        {
            streams.Add(await OpenAsync(ada, id));
            Assert.Equal(("text/event-stream", "no"),
                (streams[i].Content.Headers.ContentType?.MediaType, streams[i].Headers.GetValues("X-Accel-Buffering").Single()));
        }

        await IsTooManyAsync(await OpenAsync(ada, id));
        using var staff = await OpenAsync(ordering.AsStaff(), id);
        Assert.Equal(HttpStatusCode.OK, staff.StatusCode);
        streams[0].Dispose();
        using var one = await Eventually.IsAsync("another stream may be opened", () => OpenAsync(ada, id), answer => answer.StatusCode == HttpStatusCode.OK);
        streams.ForEach(stream => stream.Dispose());
    }

    [Fact]
    public async Task A_stream_ends_when_the_callers_token_expires()
    {
        var id = (await ordering.PlaceAsync("fleeting", await ordering.ListedAsync())).GetProperty("id").GetGuid();
        using var lasting = await OpenAsync(ordering.As("fleeting"), id);

        using var stream = await Eventually.IsAsync("it is opened before its token expires",
            () => OpenAsync(ordering.Client(TestTokens.ExpiringIn(TimeSpan.FromSeconds(2), "fleeting")), id), answer => answer.StatusCode == HttpStatusCode.OK);
        var text = await stream.Content.ReadAsStringAsync().WaitAsync(TimeSpan.FromMinutes(5));

        Assert.Contains("\"status\":\"placed\"", text, StringComparison.Ordinal);
        Assert.True(ordering.Services.GetRequiredService<OrderStreams>().Count >= 1, "the stream of a token that is valid goes on");
    }

    private static Task<HttpResponseMessage> OpenAsync(HttpClient client, Guid order) =>
        client.GetAsync(new Uri($"/orders/{order}/events", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead);

    private static async Task<HttpResponseMessage> ReadAsync(HttpClient client, string? forwardedFor = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/orders");
        request.Headers.TryAddWithoutValidation("X-Forwarded-For", forwardedFor is null ? [] : [forwardedFor]);
        return await client.SendAsync(request);
    }

    /// <summary>Sends four concurrently until one is rejected: so that a slow machine exceeds the rate too.</summary>
    private static async Task<HttpResponseMessage> UntilRefusedAsync(Func<int, Task<HttpResponseMessage>> send, HttpStatusCode before)
    {
        var sent = 0;
        return (await Eventually.IsAsync("one is refused",
            async () => (await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => send(++sent)))).FirstOrDefault(answer => answer.StatusCode != before),
            refused => refused is not null))!;
    }

    private static async Task IsTooManyAsync(HttpResponseMessage answer)
    {
        Assert.Equal(HttpStatusCode.TooManyRequests, answer.StatusCode);
        Assert.InRange(answer.Headers.RetryAfter?.Delta ?? TimeSpan.Zero, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1));
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        Assert.Contains("urn:shop:problem:too-many-requests", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }
}
