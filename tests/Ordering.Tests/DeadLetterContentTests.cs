using System.Net;
using System.Text;
using System.Text.Json;

namespace Shop.Ordering.Tests;

/// <summary>What staff see of a dead letter: enough to decide, no personal data, no terminal escape sequences.</summary>
public sealed class DeadLetterContentTests(OrderingService ordering) : IClassFixture<OrderingService>
{
    private const string Queue = "ordering.stock-reserved";

    [Fact]
    public async Task A_body_that_is_JSON_is_shown_with_personal_data_masked()
    {
        var shown = await ShownAsync("json-1", """
            {"messageType":["urn:message:inventory.stock-reserved.v9"],
             "message":{"orderId":"018f","customerId":"ada-lovelace","note":"write to ada@example.org","lines":[{"sku":"TEA-1"}],"email":null,
              "contact":{"phone":"+49 30 1234"}},"message":2}
            """, new Dictionary<string, object> { ["customer-name"] = "Ada", ["trace"] = "by ada@example.org" });

        var body = shown.GetProperty("body").GetString()!;
        Assert.DoesNotMatch("lovelace|@example|1234", shown.GetRawText());
        Assert.Contains("\"sku\": \"TEA-1\"", body, StringComparison.Ordinal);
        Assert.Contains("\"customerId\": \"***\"", body, StringComparison.Ordinal);
        Assert.Contains("\"email\": null", body, StringComparison.Ordinal);
        Assert.Equal(("***", "by ***"), (Header(shown, "customer-name"), Header(shown, "trace")));
        var letter = shown.GetProperty("letter");
        Assert.Equal((Queue, "inventory.stock-reserved.v9"), (letter.GetProperty("queue").GetString(), letter.GetProperty("eventType").GetString()));
    }

    [Theory]
    [InlineData("text-1", "\u001b[2J\u001b]0;owned\u0007 ada@example.org \u202eevil", "\\u001b[2J\\u001b]0;owned\\u0007 *** \\u202eevil")]
    [InlineData("text-2", "[1,2", "[1,2")]
    [InlineData("text-3", "{} trailing", "{} trailing")]
    [InlineData("text-4", "\"\u001b \u202e\"", "\"\\u001B \\u202e\"")]
    public async Task A_body_that_is_not_JSON_is_shown_as_text_without_control_characters(string id, string body, string expected)
    {
        var shown = await ShownAsync(id, body, []);

        Assert.Equal(expected, shown.GetProperty("body").GetString(), ignoreCase: true);
        Assert.NotEqual("", shown.GetProperty("letter").GetProperty("why").GetString());
    }

    [Theory]
    [InlineData("why-1", """{"messageId":"junk"}""", "$.messageId")]
    [InlineData("why-2", """{"messageId":"018f0000-0000-7000-8000-000000000001","messageType":["urn:message:inventory.stock-reserved.v1"],"message":{"orderId":7}}""", "$.orderId")]
    [InlineData("why-3", """{"messageId":"018f0000-0000-7000-8000-000000000001","messageType":["urn:message:inventory.stock-reserved.v1"],"message":{}}""", "lines")]
    [InlineData("why-4", """{"messageId":null,"messageId":null}""", "messageId")]
    public async Task The_reason_names_what_is_wrong_and_no_class_of_the_service(string id, string body, string member)
    {
        var why = (await ShownAsync(id, body, [])).GetProperty("letter").GetProperty("why").GetString()!;

        Assert.Contains(member, why, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotMatch("System|Shop|Exception|SentEnvelope|StockReserved|`", why);
    }

    [Fact]
    public async Task Only_staff_read_one_and_an_unknown_one_is_not_found()
    {
        using var customer = await ordering.As("ada").GetAsync(new Uri($"/dead-letters/{Queue}/x", UriKind.Relative));
        using var missing = await ordering.AsStaff().GetAsync(new Uri($"/dead-letters/{Queue}/no-such-id", UriKind.Relative));
        using var elsewhere = await ordering.AsStaff().GetAsync(new Uri("/dead-letters/inventory.order-placed/x", UriKind.Relative));

        Assert.Equal((HttpStatusCode.Forbidden, HttpStatusCode.NotFound, HttpStatusCode.NotFound),
            (customer.StatusCode, missing.StatusCode, elsewhere.StatusCode));
    }

    private static string? Header(JsonElement shown, string name) => shown.GetProperty("headers").GetProperty(name).GetString();

    private async Task<JsonElement> ShownAsync(string id, string body, Dictionary<string, object> headers)
    {
        Assert.True(await ordering.Broker.PublishAsync("", Queue, Encoding.UTF8.GetBytes(body),
            new { delivery_mode = 2, message_id = id, content_type = "application/vnd.masstransit+json", headers }));
        JsonElement shown = default;
        await Eventually.HoldsAsync($"{id} is among the dead letters", async () =>
        {
            using var response = await ordering.AsStaff().GetAsync(new Uri($"/dead-letters/{Queue}/{id}", UriKind.Relative));
            shown = response.IsSuccessStatusCode ? JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement : default;
            return response.IsSuccessStatusCode;
        });
        return shown;
    }
}
