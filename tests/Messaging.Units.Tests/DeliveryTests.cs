using MassTransit;
using RabbitMQ.Client;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging.Consuming;
using Shop.Messaging.RabbitMq;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Units.Tests;

/// <summary>M6a: what a delivery is, before any consumer sees it.</summary>
public sealed class DeliveryTests
{
    private static readonly MessageReader s_reader = new(ShopEvents.Catalog);

    public static TheoryData<object?, bool> DeathRecords => new()
    {
        { null, true },
        { Death("count", 1L), true },
        { Death("count", 3), true },
        { Death("time", new AmqpTimestamp(1)), true },
        { Death("reason", "expired"u8.ToArray()), true },
        { Death("routing-keys", new List<object?> { "a"u8.ToArray() }), true },
        { Death("count", "many"), false },
        { Death("count", 2.5), false },
        { Death("count", null), false },
        { Death("time", "now"), false },
        { Death("queue", 5), false },
        { Death("reason", 5), false },
        { Death("exchange", 5), false },
        { Death("original-expiration", 5), false },
        { Death("another", 5), true },
        { new List<object?> { Fields("count", 1L), Fields("count", "many") }, false },
        { Death("routing-keys", "a"u8.ToArray()), false },
        { Death("routing-keys", new List<object?> { "a"u8.ToArray(), 1 }), false },
        { new List<object?> { "x" }, false },
        { "x", false },
    };

    /// <summary>At its delivery limit the broker would update the record, and RabbitMQ 3 fails on another type.</summary>
    [Theory]
    [MemberData(nameof(DeathRecords))]
    public void A_redelivered_message_with_a_forged_death_record_is_malformed(object? deaths, bool isWellFormed)
    {
        var properties = new BasicProperties();
        if (deaths is not null)
        {
            properties.Headers = new Dictionary<string, object?> { ["x-death"] = deaths };
        }

        Assert.Equal(!isWellFormed, Read(properties, isRedelivered: true, [typeof(StockReplenished)]).Malformed is not null);
        Assert.Null(Read(properties, isRedelivered: false, [typeof(StockReplenished)]).Malformed); // handled, so the broker never updates it
    }

    [Theory]
    [InlineData("x-first-death-queue", true)]
    [InlineData("x-last-death-reason", true)]
    [InlineData("x-first-name", false)]
    [InlineData("tenant", false)]
    public void The_first_and_the_last_death_are_part_of_the_record(string header, bool isPart)
    {
        var properties = new BasicProperties { Headers = new Dictionary<string, object?> { [header] = 5, ["a"] = "b"u8.ToArray() } };
        Assert.Equal(isPart, Read(properties, isRedelivered: true, [typeof(StockReplenished)]).Malformed is not null);

        properties.Headers[header] = "a queue"u8.ToArray();
        Assert.Null(Read(properties, isRedelivered: true, [typeof(StockReplenished)]).Malformed);
    }

    [Fact]
    public void A_consumer_of_any_event_that_names_some_is_not_given_others()
    {
        var subscription = MassTransitConsumers.Subscribe(new BrokerTopology("any", ShopEvents.Catalog), typeof(SomeEventsConsumer));

        Assert.Equal([typeof(StockLevelLow)], subscription.Events);
        Assert.Contains("is not an event that this queue's consumer subscribes to",
            Read(new BasicProperties(), isRedelivered: false, subscription.Events).Malformed?.Message, StringComparison.Ordinal);
    }

    private static Delivery Read(BasicProperties properties, bool isRedelivered, IReadOnlyList<Type> subscribed) =>
        Delivery.Read(1, isRedelivered, properties, MalformedMessages.Bytes(MalformedMessages.Valid("tea")), subscribed, s_reader);

    private static List<object?> Death(string field, object? value) => [Fields(field, value)];

    private static Dictionary<string, object?> Fields(string field, object? value) => new() { [field] = value };

    [SubscribesTo(typeof(StockLevelLow))]
    private sealed class SomeEventsConsumer : IConsumer<IIntegrationEvent>
    {
        public Task Consume(ConsumeContext<IIntegrationEvent> context) => Task.CompletedTask;
    }
}
