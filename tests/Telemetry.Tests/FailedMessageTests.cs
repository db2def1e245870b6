using System.Text;
using System.Text.Json;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging;

namespace Shop.Telemetry.Tests;

/// <summary>A trace shows what failed in it, and what happened to the message.</summary>
public sealed class FailedMessageTests
{
    private static readonly DateTimeOffset s_now = TimeProvider.System.GetUtcNow();

    [Fact]
    public async Task A_failed_message_has_a_span_with_the_error_and_the_outcome()
    {
        await using var collector = await OtlpReceiver.StartAsync();
        await using var shop = await ObservedShop.CreateAsync(collector.Address);
        await shop.StartAsync("ordering");
        await shop.Databases["ordering"].ExecuteAsync("ALTER TABLE inbox RENAME TO inbox_away");

        var listed = new ProductListed(Guid.CreateVersion7(), s_now, "TEA-1", 1, "Tea", 4.5m, "EUR");
        var reserved = new StockReserved(Guid.CreateVersion7(), s_now, Guid.CreateVersion7(), 1, [new("TEA-1", 1)]);
        foreach (var (queue, name, body) in ((string, string, byte[])[])
        [
            ("ordering.product-prices", "inventory.product-listed.v1", Envelope(listed)), // a consumer of single messages
            ("ordering.stock-reserved", "inventory.stock-reserved.v1", Envelope(reserved)), // one of batches
        ])
        {
            var retried = await SettledAsync(collector, shop, queue, body, retriesBefore: 0, isRead: true, "retried later");
            Assert.Equal(($"process {name}:{queue}", "1"), (retried.Name, retried.Attributes["shop.retry"]));
            Assert.Contains("inbox", retried.Attributes["shop.outcome.reason"], StringComparison.Ordinal);

            var last = await SettledAsync(collector, shop, queue, body, retriesBefore: 1_000, isRead: true, "dead-lettered");
            Assert.Equal($"process {name}:{queue}", last.Name);
            Assert.Contains("inbox", last.Attributes["shop.outcome.reason"], StringComparison.Ordinal);
            Assert.DoesNotContain("shop.retry", last.Attributes.Keys);

            var malformed = await SettledAsync(collector, shop, queue, "junk"u8.ToArray(), retriesBefore: 0, isRead: false, "dead-lettered");
            Assert.Equal(($"process {queue}", "Shop.Messaging.Wire.MalformedMessageException"),
                (malformed.Name, malformed.Attributes["error.type"]));
            Assert.Contains("not a message envelope", malformed.Attributes["shop.outcome.reason"], StringComparison.Ordinal);
        }

        await shop.Databases["ordering"].ExecuteAsync("ALTER TABLE inbox_away RENAME TO inbox");
    }

    /// <summary>Publishes a message in its own trace, and waits for the span with its outcome.</summary>
    private static async Task<SentSpan> SettledAsync(
        OtlpReceiver collector, ObservedShop shop, string queue, byte[] body, int retriesBefore, bool isRead, string outcome)
    {
        var (trace, cause, id) = (Guid.CreateVersion7().ToString("N"), "00f067aa0ba902b7", Guid.CreateVersion7());
        Assert.True(await shop.Broker.PublishAsync("", queue, body, new
        {
            message_id = id,
            headers = new Dictionary<string, object> { ["traceparent"] = $"00-{trace}-{cause}-01", ["shop-retries"] = retriesBefore },
        }));
        var span = await Eventually.IsAsync($"{queue} has the outcome {outcome}", () => Task.FromResult(collector.Spans.FirstOrDefault(
            span => span.TraceId == trace && span.Attributes.ContainsKey("shop.outcome"))), span => span is not null);
        Assert.Equal((outcome, cause, 5, true), (span!.Attributes["shop.outcome"], span.ParentId, span.Kind, span.IsError));
        Assert.Equal("rabbitmq", span.Attributes["messaging.system"]);
        Assert.NotEmpty(span.Attributes["error.type"]);
        Assert.NotEmpty(span.Attributes["messaging.message.id"]);

        // Earlier attempts have no outcome: one message is settled once.
        var attempts = collector.Spans.Where(other => other.TraceId == trace && other.Kind == 5 && other.End <= span.End).ToList();
        Assert.All(attempts, attempt => Assert.True(attempt.IsError));
        Assert.Single(attempts, attempt => attempt.Attributes.ContainsKey("shop.outcome"));
        Assert.Equal(isRead, attempts.Count > 1); // what cannot be read is not tried again
        return span;
    }

    private static byte[] Envelope(IIntegrationEvent @event) => Encoding.UTF8.GetBytes(JsonSerializer.Serialize(new
    {
        messageId = @event.EventId,
        messageType = new[] { $"urn:message:{ShopEvents.Catalog.NameOf(@event.GetType())}" },
        message = JsonSerializer.SerializeToElement(@event, @event.GetType(), EventJson.Options),
    }));
}
