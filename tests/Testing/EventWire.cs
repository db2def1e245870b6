using System.Collections.Concurrent;
using System.Text.Json;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using Shop.Contracts;
using Shop.Messaging;

namespace Shop.Testing;

/// <summary>An event that a service published, as received.</summary>
/// <param name="Name">Its wire name.</param>
/// <param name="EventId">The message's id.</param>
/// <param name="Message">The event's JSON.</param>
/// <param name="Headers">The headers that are text.</param>
public sealed record WireEvent(string Name, Guid EventId, JsonElement Message, IReadOnlyDictionary<string, string> Headers);

/// <summary>The rest of the shop, as one service sees it: publishes the others' events and receives the service's own.</summary>
public sealed class EventWire : IAsyncDisposable
{
    private const string ContentType = "application/vnd.masstransit+json";
    private const string UrnPrefix = "urn:message:";

    private readonly ConcurrentQueue<WireEvent> _received = new();
    private string _queue = "";
    private readonly IConnection _connection;
    private readonly IChannel _publisher;
    private readonly IChannel _listener;

    private EventWire(IConnection connection, IChannel publisher, IChannel listener) =>
        (_connection, _publisher, _listener) = (connection, publisher, listener);

    /// <summary>All received events, in the order of arrival.</summary>
    public IReadOnlyList<WireEvent> Received => [.. _received];

    /// <summary>All received events, as their types.</summary>
    public IReadOnlyList<IIntegrationEvent> Events =>
        [.. _received.Select(received => (IIntegrationEvent)received.Message.Deserialize(ShopEvents.Catalog.TypeOf(received.Name)!, EventJson.Options)!)];

    /// <summary>Whether the broker has nothing for it that it has not been given.</summary>
    public async Task<bool> IsUpToDateAsync() => (await _listener.QueueDeclarePassiveAsync(_queue)).MessageCount == 0;

    /// <summary>The received events of one type, in the order of arrival.</summary>
    public IReadOnlyList<T> ReceivedOf<T>()
        where T : IIntegrationEvent =>
        [.. _received.Where(received => received.Name == ShopEvents.Catalog.NameOf(typeof(T))).Select(received => received.Message.Deserialize<T>(EventJson.Options)!)];

    /// <summary>Waits for an event, which may have come already.</summary>
    public async Task<T> ReceiveAsync<T>(string what, Func<T, bool> isIt)
        where T : class, IIntegrationEvent =>
        (await Eventually.IsAsync(what, () => Task.FromResult(ReceivedOf<T>().FirstOrDefault(isIt)), received => received is not null))!;

    /// <summary>Publishes events as another service's relay does, and returns when the broker has them.</summary>
    /// <exception cref="RabbitMQ.Client.Exceptions.PublishException">No queue is bound for one of them.</exception>
    public Task PublishAsync(params IEnumerable<IIntegrationEvent> events) => Task.WhenAll(events.Select(PublishOneAsync));

    /// <summary>Its queue is gone then, so that no event that nobody else subscribes to is routed.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_connection.IsOpen)
        {
            await _connection.AbortAsync();
        }

        await _connection.DisposeAsync();
    }

    /// <summary>Connects as an administrator.</summary>
    /// <param name="broker">A virtual host where all exchanges are declared.</param>
    /// <param name="prefix">The prefix of the events to receive: a service's name with a dot, or empty for all.</param>
    public static async Task<EventWire> ConnectAsync(TestVirtualHost broker, string prefix)
    {
        ArgumentNullException.ThrowIfNull(broker);
        var connection = await new ConnectionFactory { Uri = broker.AmqpUri, AutomaticRecoveryEnabled = false }.CreateConnectionAsync();
        var confirms = new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true);
        var wire = new EventWire(connection, await connection.CreateChannelAsync(confirms), await connection.CreateChannelAsync());
        await wire.ListenAsync(prefix);
        return wire;
    }

    private async Task ListenAsync(string prefix)
    {
        _queue = (await _listener.QueueDeclareAsync()).QueueName;
        foreach (var exchange in ShopEvents.Catalog.Names.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)))
        {
            await _listener.QueueBindAsync(_queue, exchange, "");
        }

        var consumer = new AsyncEventingBasicConsumer(_listener);
        consumer.ReceivedAsync += (_, delivery) =>
        {
            _received.Enqueue(Read(delivery));
            return Task.CompletedTask;
        };
        await _listener.BasicConsumeAsync(_queue, autoAck: true, consumer);
    }

    private static WireEvent Read(BasicDeliverEventArgs delivery)
    {
        var envelope = JsonSerializer.Deserialize<JsonElement>(delivery.Body.Span);
        var headers = (delivery.BasicProperties.Headers ?? new Dictionary<string, object?>())
            .Where(header => header.Value is byte[])
            .ToDictionary(header => header.Key, header => System.Text.Encoding.UTF8.GetString((byte[])header.Value!));
        return new WireEvent(envelope.GetProperty("messageType")[0].GetString()![UrnPrefix.Length..],
            envelope.GetProperty("messageId").GetGuid(), envelope.GetProperty("message"), headers);
    }

    private async Task PublishOneAsync(IIntegrationEvent integrationEvent)
    {
        var name = ShopEvents.Catalog.NameOf(integrationEvent.GetType());
        var body = JsonSerializer.SerializeToUtf8Bytes(new
        {
            messageId = integrationEvent.EventId,
            conversationId = integrationEvent.EventId,
            correlationId = integrationEvent.EventId,
            messageType = new[] { UrnPrefix + name },
            sentTime = integrationEvent.OccurredAt.UtcDateTime,
            message = JsonSerializer.SerializeToElement(integrationEvent, integrationEvent.GetType(), EventJson.Options),
        });
        var properties = new BasicProperties
        {
            ContentType = ContentType,
            DeliveryMode = DeliveryModes.Persistent,
            MessageId = integrationEvent.EventId.ToString(),
            Type = name,
        };
        await _publisher.BasicPublishAsync(name, "", mandatory: true, properties, body);
    }
}
