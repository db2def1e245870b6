using System.Net;
using System.Text.Json;
using V1 = Shop.Contracts.Ordering.V1;

namespace Shop.Ordering.Tests;

/// <summary>A token's subject: what OpenID Connect Core allows works everywhere, and everything else is rejected.</summary>
public sealed class TokenTests(OrderingService ordering) : IClassFixture<OrderingService>
{
    private static readonly string[] s_routes = ["/orders", "/customers/me", "/outbox"];

    [Theory]
    [InlineData(null)]
    [InlineData("\"\"")]
    [InlineData("\"a\\u0000b\"")]
    [InlineData("\"a\\u001bb\"")]
    [InlineData("\"a\\nb\"")]
    [InlineData("\"\\u00e4\"")]
    [InlineData("\"\\ud83c\\udf75\"")]
    [InlineData("7")]
    [InlineData("null")]
    [InlineData("[\"a\",\"b\"]")]
    [InlineData("{\"a\":1}")]
    [InlineData("256")]
    public async Task A_token_without_a_valid_subject_gets_a_401(string? subject)
    {
        var token = TestTokens.WithSubject(subject == "256" ? $"\"{new string('a', 256)}\"" : subject, role: "staff");
        foreach (var path in s_routes)
        {
            using var answer = await ordering.Client(token).GetAsync(new Uri(path, UriKind.Relative));

            Assert.Equal((HttpStatusCode.Unauthorized, "application/problem+json"), (answer.StatusCode, answer.Content.Headers.ContentType?.MediaType));
        }
    }

    [Theory]
    [InlineData("""{"alg":"HS256","typ":"JWT","crit":["exp"]}""", false)]
    [InlineData("""{"alg":"HS256","typ":"JWT","crit":["b64"],"b64":true}""", false)]
    [InlineData("""{"alg":"HS256","typ":"JWT","crit":[]}""", false)]
    [InlineData("""{"alg":"HS256","typ":"JWT","crit":null}""", false)]
    [InlineData("""{"alg":"none","typ":"JWT"}""", false)]
    [InlineData("""{"alg":"RS256","typ":"JWT"}""", false)]
    [InlineData("""{"alg":"HS512","typ":"JWT"}""", false)]
    [InlineData("""{"alg":["HS256"],"typ":"JWT"}""", false)]
    [InlineData("""{"typ":"JWT"}""", false)]
    [InlineData("""{"alg":"HS256","typ":"JWT","kid":"1","cty":"x"}""", true)]
    [InlineData("""{"alg":"HS256","typ":"JWT","kid":"../../../../dev/null"}""", true)]
    public async Task An_unknown_critical_header_or_another_algorithm_makes_the_token_invalid(string header, bool good)
    {
        using var answer = await ordering.Client(TestTokens.WithHeader(header)).GetAsync(new Uri("/orders", UriKind.Relative));

        Assert.Equal(good ? HttpStatusCode.OK : HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Theory]
    [InlineData("auth0|5f7c8ec7c33c6c004bbafe82")]
    [InlineData("spaces and 'quotes' \"too\"; -- \\ %00 {0} <b> & / ? #")]
    [InlineData(" leading and trailing ")]
    [InlineData("255")]
    public async Task Every_valid_subject_can_order_and_cancel_and_is_published(string subject)
    {
        subject = subject == "255" ? $"{new string('~', 222)}-{Guid.CreateVersion7():N}" : subject;
        var client = ordering.Client(TestTokens.WithSubject(JsonSerializer.Serialize(subject)));
        var sku = await ordering.ListedAsync();
        var body = $$"""{"lines":[{"sku":"{{sku}}","quantity":1}]}""";

        var (placed, order) = await OrderingService.SendAsync(client, "/orders", body, key: "key-1");
        var (again, same) = await OrderingService.SendAsync(client, "/orders", body, key: "key-1");
        var id = order.GetProperty("id").GetGuid();
        await ordering.Wire.PublishAsync(OrderingService.Reserved(id, sku));
        await ordering.StatusIsAsync(id, "confirmed");
        var (cancelled, _) = await OrderingService.SendAsync(client, $"/orders/{id}/cancel");

        Assert.Equal((HttpStatusCode.Created, HttpStatusCode.Created, HttpStatusCode.OK), (placed, again, cancelled));
        Assert.Equal(order.GetRawText(), same.GetRawText());
        var published = await ordering.Wire.ReceiveAsync<V1.OrderCancelled>("the cancelling is published", e => e.OrderId == id);
        Assert.Equal(subject, published.CustomerId);
        var history = await OrderingService.GetAsync(client, $"/orders/{id}/history");
        Assert.Equal(subject, history.GetProperty("items")[0].GetProperty("causedBy").GetString());
        Assert.Equal(subject, (await OrderingService.GetAsync(client, "/customers/me")).GetProperty("id").GetString());
    }

    [Fact]
    public async Task Subjects_that_differ_in_case_or_blanks_are_different_customers()
    {
        var sku = await ordering.ListedAsync();
        var name = $"Case-{Guid.CreateVersion7():N}";
        var order = (await ordering.PlaceAsync(name, sku)).GetProperty("id").GetGuid();

        foreach (var other in (string[])[name.ToUpperInvariant(), name + " ", " " + name])
        {
            using var answer = await ordering.As(other).GetAsync(new Uri($"/orders/{order}", UriKind.Relative));
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        }
    }
}
