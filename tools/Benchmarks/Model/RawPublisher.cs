using System.Text;
using RabbitMQ.Client;
using Shop.Contracts;
using Shop.Messaging.RabbitMq;
using Shop.Messaging.Relay;
using Shop.Messaging.Wire;

namespace Shop.Benchmarks.Model;

/// <summary>
/// What the broker can confirm: one channel, a window of unconfirmed messages, confirms counted as they come, nothing else. The
/// bodies, headers and the mandatory flag are those of the relay.
/// </summary>
internal sealed class RawPublisher : IAsyncDisposable
{
    private const int Window = 1_000;
    private readonly IConnection _connection;
    private readonly IChannel _channel;
    private readonly SemaphoreSlim _room = new(Window);
    private ulong _confirmed;

    private RawPublisher(IConnection connection, IChannel channel)
    {
        (_connection, _channel) = (connection, channel);
        _channel.BasicAcksAsync += (_, ack) =>
        {
            var confirmed = ack.Multiple ? ack.DeliveryTag - _confirmed : 1;
            _confirmed += confirmed; // every message is confirmed once, so that the count of confirmed ones is what matters
            _room.Release((int)confirmed);
            return Task.CompletedTask;
        };
    }

    public static async Task<RawPublisher> ConnectAsync(Uri broker)
    {
        var connection = await new ConnectionFactory { Uri = broker }.CreateConnectionAsync();
        var options = new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: false);
        return new RawPublisher(connection, await connection.CreateChannelAsync(options));
    }

    /// <summary>
    /// Publishes copies of an event, each with an id of its own, straight to a queue where one is named; returns when all are
    /// confirmed. The id is in the envelope too if a consumer reads it.
    /// </summary>
    public Task PublishAsync(OutboxRow sample, int count, CancellationToken ct, string? queue = null)
    {
        var headers = new PublishHeaders("urn:shop:ordering", ShopEvents.Catalog);
        if (!headers.TryRead(sample.Headers))
        {
            throw new InvalidOperationException($"These are no headers: {sample.Headers}");
        }

        return PublishAsync(queue is null ? sample.Type : "", queue ?? "", () =>
        {
            var id = Guid.CreateVersion7();
            headers.CloudEvent(sample.Type, id.ToString());
            headers.Trace(activity: null);
            var properties = new BasicProperties
            {
                ContentType = Envelope.ContentType,
                DeliveryMode = DeliveryModes.Persistent,
                MessageId = id.ToString(),
                Type = sample.Type,
                Headers = headers.Values,
            };
            return (properties, queue is null ? sample.Body : WithId(sample, id));
        }, count, ct);
    }

    /// <summary>Publishes as many messages as wanted; returns when all are confirmed.</summary>
    public async Task PublishAsync(string exchange, string routingKey, Func<(BasicProperties, byte[])> next, int count, CancellationToken ct)
    {
        for (var sent = 0; sent < count; sent++)
        {
            await _room.WaitAsync(ct);
            var (properties, body) = next();
            await _channel.BasicPublishAsync(exchange, routingKey, mandatory: true, properties, body, ct);
        }

        for (var all = 0; all < Window; all++)
        {
            await _room.WaitAsync(ct);
        }

        _room.Release(Window);
    }

    private static byte[] WithId(OutboxRow sample, Guid id) =>
        Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(sample.Body).Replace(sample.EventId.ToString(), id.ToString(), StringComparison.Ordinal));

    public async ValueTask DisposeAsync()
    {
        await _connection.CloseAsync();
        await _connection.DisposeAsync();
        _room.Dispose();
    }
}
