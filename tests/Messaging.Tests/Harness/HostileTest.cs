using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using RabbitMQ.Client;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging.RabbitMq;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Tests.Harness;

/// <summary>The two kinds of consumer, which must treat untrusted messages alike.</summary>
public enum ConsumerKind
{
    OneByOne,
    Batch,
}

/// <summary>A service with a consumer of each kind, and a sender of arbitrary messages.</summary>
public abstract class HostileTest : MessagingTest
{
    private protected static readonly string Exchange = ShopEvents.Catalog.NameOf(typeof(StockReplenished));

    private IConnection? _connection;
    private IChannel? _channel;

    private protected static string QueueOf(ConsumerKind kind) => kind == ConsumerKind.OneByOne ? "ordering.effect" : BatchTest.Queue;

    private protected static string DeadOf(ConsumerKind kind) => BrokerTopology.DeadLettersOf(QueueOf(kind));

    public override async ValueTask DisposeAsync()
    {
        if (_connection is not null)
        {
            await _connection.DisposeAsync();
        }

        await base.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>Both consumers record the sku of what they handle, fail where this is set, and wait for it before they continue.</summary>
    private protected async Task<TestService> BothAsync(
        Func<string, Exception?>? fails = null, bool start = true, Dictionary<string, string?>? settings = null, Func<string, Task>? waits = null)
    {
        var script = new BatchScript { Act = (events, _) => ActAsync(events.Select(e => e.Event.Sku)) };
        settings ??= [];
        settings.TryAdd("Messaging:ImmediateRetries", "1");
        var service = await ServiceAsync(
            consumes: true, relay: false, start: false, services: services => services.AddSingleton(script), settings: settings,
            consumers: bus => bus.AddBulkConsumer<BatchedEffectConsumer, StockReplenished>());
        service.Script.Act = (@event, _) => ActAsync([@event.Sku]);
        if (start)
        {
            await service.StartAsync();
        }

        return service;

        async Task ActAsync(IEnumerable<string> skus)
        {
            foreach (var sku in skus)
            {
                await (waits?.Invoke(sku) ?? Task.CompletedTask);
                if (fails?.Invoke(sku) is { } failure)
                {
                    throw failure;
                }
            }
        }
    }

    /// <summary>Publishes to a consumer's queue, past its exchange; returns when the broker has it.</summary>
    private protected Task SendAsync(ConsumerKind kind, ReadOnlyMemory<byte> body, BasicProperties? properties = null) =>
        SendToAsync(QueueOf(kind), body, properties);

    private protected async Task SendToAsync(string queue, ReadOnlyMemory<byte> body, BasicProperties? properties = null)
    {
        _connection ??= await new ConnectionFactory { Uri = Broker.AmqpUri }.CreateConnectionAsync();
        _channel ??= await _connection.CreateChannelAsync(
            new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
        properties ??= new BasicProperties();
        properties.ContentType ??= "application/vnd.masstransit+json";
        await _channel.BasicPublishAsync("", queue, mandatory: true, properties, body);
    }

    private protected static JsonObject Envelope(string sku) => MalformedMessages.Valid(sku);

    private protected static byte[] Bytes(JsonNode envelope) => MalformedMessages.Bytes(envelope);

    private protected async Task<QueuedMessage> DeadLetterAsync(ConsumerKind kind)
    {
        await Eventually.HoldsAsync("there is one dead letter", async () => await Broker.CountReadyAsync(DeadOf(kind)) == 1);
        return Assert.Single(await Broker.PeekAsync(DeadOf(kind)));
    }

    private protected static Task HandledAsync(TestService service, string sku, int times = 1) =>
        Eventually.HoldsAsync($"{sku} is handled", async () => await service.CountEffectsAsync(sku) == times);

    private protected Task EmptyAsync(ConsumerKind kind) => Eventually.HoldsAsync("the queue is empty",
        async () => await Broker.QueueAsync(QueueOf(kind)) is { Ready: 0, Unacknowledged: 0 });
}
