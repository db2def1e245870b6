using System.Text;
using RabbitMQ.Client;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging.RabbitMq;
using Shop.Messaging.Tests.Harness;

namespace Shop.Messaging.Tests;

/// <summary>M7: what cannot be consumed is kept where a person finds it, and the consumer lives on.</summary>
public sealed class DeadLetterTests : MessagingTest
{
    private const string Queue = "ordering.effect";
    private static readonly string s_exchange = ShopEvents.Catalog.NameOf(typeof(StockReplenished));

    [Fact]
    public async Task A_message_that_always_fails_is_dead_lettered_with_its_exception()
    {
        var service = await ServiceAsync(consumes: true);
        service.Script.Act = (@event, _) => @event.Sku == "poison"
            ? throw new InvalidOperationException("this one is poison")
            : Task.CompletedTask;

        await PublishAsync(Event("poison"));
        await PublishAsync(Event("tea"));

        var dead = await DeadLetterAsync();
        Assert.Equal("this one is poison", dead.Header("MT-Fault-Message"));
        Assert.Contains(nameof(InvalidOperationException), dead.Header("MT-Fault-ExceptionType"), StringComparison.Ordinal);
        Assert.Equal("2", dead.Header("shop-retries"));
        Assert.Equal(0, await service.CountEffectsAsync("poison"));
        await Eventually.HoldsAsync("the consumer lives on", async () => await service.CountEffectsAsync("tea") == 1);
    }

    [Fact]
    public async Task A_message_that_fails_at_first_is_retried_later_and_handled_once()
    {
        var service = await ServiceAsync(consumes: true);
        var (attempts, healed) = (0, false);
        service.Script.Act = (@event, _) =>
        {
            if (@event.Sku != "early")
            {
                return Task.CompletedTask;
            }

            Interlocked.Increment(ref attempts);
            return healed ? Task.CompletedTask : throw new InvalidOperationException("what it needs is not there yet");
        };

        await PublishAsync(Event("early"));
        await PublishAsync(Event("tea"));
        await Eventually.HoldsAsync("another is not held up", async () => await service.CountEffectsAsync("tea") == 1);
        await Eventually.HoldsAsync("it came back after a delay", () => attempts > 6);
        healed = true;

        await Eventually.HoldsAsync("it is handled", async () => await service.CountEffectsAsync("early") == 1);
        Assert.Equal(0, await Broker.CountReadyAsync(Queue + ".dead"));
    }

    [Theory]
    [InlineData("this is no JSON")]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("""{"messageId":"018f0000-0000-7000-8000-000000000001","messageType":["urn:message:inventory.stock-replenished.v1"],"message":{"sku":1}}""")]
    [InlineData("""{"messageId":"018f0000-0000-7000-8000-000000000001","messageType":["urn:message:inventory.stock-replenished.v1"]}""")]
    [InlineData("""{"messageId":"018f0000-0000-7000-8000-000000000001","messageType":["urn:message:inventory.stock-replenished.v9"],"message":{}}""")]
    [InlineData("""{"messageId":"018f0000-0000-7000-8000-000000000001","messageType":["urn:message:nobody.knows-this.v1"],"message":{}}""")]
    public async Task A_malformed_body_is_dead_lettered_and_the_consumer_continues(string body)
    {
        var service = await ServiceAsync(consumes: true);

        await Broker.PublishAsync(s_exchange, "", Encoding.UTF8.GetBytes(body),
            new { delivery_mode = 2, content_type = "application/vnd.masstransit+json" });

        var dead = await DeadLetterAsync();
        Assert.Equal(body, dead.Text);
        Assert.Null(dead.Header("shop-retries")); // waiting would not make it readable
        await PublishAsync(Event("tea"));
        await Eventually.HoldsAsync("the consumer lives on", async () => await service.CountEffectsAsync("tea") == 1);
    }

    [Fact]
    public async Task An_event_without_a_consumer_is_dead_lettered()
    {
        await ServiceAsync(consumes: true);
        await Broker.BindAsync("inventory.stock-released.v1", Queue);
        var now = TimeProvider.System.GetUtcNow();

        await PublishAsync(new StockReleased(Guid.CreateVersion7(now), now, Guid.CreateVersion7(now), 1, []));

        Assert.Contains("stock-released", (await DeadLetterAsync()).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_poison_message_that_kills_its_process_is_dead_lettered()
    {
        // Without a consumer: the deliveries are lost with their connection, as in a crash.
        await ServiceAsync(consumes: true, start: false);
        await PublishAsync(Event("killer"));
        await using var connection = await new ConnectionFactory { Uri = Broker.AmqpUri }.CreateConnectionAsync();

        await Eventually.HoldsAsync("the delivery limit is reached", async () =>
        {
            await using var channel = await connection.CreateChannelAsync();
            for (var delivery = 0; delivery <= BrokerTopology.DeliveryLimit; delivery++)
            {
                if (await channel.BasicGetAsync(Queue, autoAck: false) is { } message)
                {
                    await channel.BasicNackAsync(message.DeliveryTag, multiple: false, requeue: true);
                }
            }

            return await Broker.CountReadyAsync(Queue + ".dead") == 1;
        });

        Assert.Equal("delivery_limit", (await DeadLetterAsync()).Header("x-first-death-reason"));
        Assert.Equal(0, await Broker.CountReadyAsync(Queue));
    }

    private static StockReplenished Event(string sku)
    {
        var now = TimeProvider.System.GetUtcNow();
        return new StockReplenished(Guid.CreateVersion7(now), now, sku, 1, 1, 1);
    }

    private async Task<QueuedMessage> DeadLetterAsync()
    {
        await Eventually.HoldsAsync("there is one dead letter", async () => await Broker.CountReadyAsync(Queue + ".dead") == 1);
        return Assert.Single(await Broker.PeekAsync(Queue + ".dead"));
    }
}
