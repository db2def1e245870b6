using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

namespace Shop.Messaging.Consuming.Batches;

/// <summary>
/// One connection of a batch consumer. A new connection starts a new session, because the broker redelivers there what was
/// not acknowledged.
/// </summary>
internal sealed class BatchSession : IAsyncDisposable
{
    /// <summary>
    /// A message that was requeued more often than this may be a poison message that kills its process. Whatever is prefetched beside it is
    /// requeued too, and nears the delivery limit with it: so it is received alone.
    /// </summary>
    private const int MaxRequeues = 1;

    private readonly string _queue;
    private readonly ushort _prefetch;
    private readonly Func<BasicDeliverEventArgs, Delivery> _read;
    private readonly Channel<Delivery> _deliveries = Channel.CreateUnbounded<Delivery>(new() { SingleReader = true });
    private readonly CancellationTokenSource _lost = new();
    private readonly IConnection _connection;
    private readonly IChannel _channel;
    private string _consumerTag = "";
    private readonly HashSet<ulong> _requeued = [];
    private bool _oneByOne = true;
    private ulong _lastTag;
    private ulong _acknowledged;

    private BatchSession(string queue, ushort prefetch, Func<BasicDeliverEventArgs, Delivery> read, IConnection connection, IChannel channel)
    {
        (_queue, _prefetch, _read, _connection, _channel) = (queue, prefetch, read, connection, channel);
        _channel.ChannelShutdownAsync += (_, reason) => LoseAsync(reason.ReplyText);
    }

    /// <summary>Cancelled when the connection is lost: unacknowledged deliveries are redelivered.</summary>
    public CancellationToken Lost => _lost.Token;

    public bool IsOpen => _channel.IsOpen && !_lost.IsCancellationRequested;

    [SuppressMessage("Reliability", "CA2000", Justification = "The session owns the connection, and the connection its channel.")]
    public static async Task<BatchSession> OpenAsync(
        ConnectionFactory factory, string queue, ushort prefetch, Func<BasicDeliverEventArgs, Delivery> read, CancellationToken ct)
    {
        var connection = await factory.CreateConnectionAsync(ct);
        try
        {
            var channel = await connection.CreateChannelAsync(
                new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true), ct);
            var session = new BatchSession(queue, prefetch, read, connection, channel);
            await session.ConsumeAsync(1, ct);
            return session;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits for a delivery and returns all that have arrived, in order, up to a limit.</summary>
    /// <exception cref="ChannelClosedException">The connection is lost.</exception>
    public async Task<List<Delivery>> ReceiveAsync(int atMost, CancellationToken ct)
    {
        List<Delivery> batch = [Next(await _deliveries.Reader.ReadAsync(ct))];
        if (_oneByOne && batch[0].RequeueCount <= MaxRequeues)
        {
            _oneByOne = false;
            var alone = _consumerTag;
            _consumerTag = ""; // cancelling this consumer is not a lost connection
            await _channel.BasicCancelAsync(alone, cancellationToken: ct);
            await ConsumeAsync(_prefetch, ct);
        }

        while (batch.Count < atMost && _deliveries.Reader.TryRead(out var next))
        {
            batch.Add(Next(next));
        }

        return batch;
    }

    /// <summary>Acknowledges everything up to and including a delivery: call it in the order of arrival only.</summary>
    public async Task AcknowledgeAsync(Delivery last)
    {
        // A requeued tag is settled already: the broker closes the channel for an unknown tag.
        var tag = last.Tag;
        while (_requeued.Remove(tag))
        {
            tag--;
        }

        if (tag > _acknowledged)
        {
            _acknowledged = tag;
            await _channel.BasicAckAsync(tag, multiple: true);
        }
    }

    /// <summary>Publishes the copy that replaces a message, and returns after the broker's confirm.</summary>
    /// <exception cref="PublishException">The broker rejected it, or no queue is bound; the session goes on.</exception>
    /// <exception cref="TimeoutException">The broker did not confirm in time.</exception>
    public Task ForwardAsync(FailedMessage failed, Delivery delivery, TimeSpan confirmTimeout, CancellationToken ct) =>
        _channel.BasicPublishAsync(failed.Exchange, failed.RoutingKey, mandatory: true, failed.Properties, delivery.Body, ct).AsTask()
            .WaitAsync(confirmTimeout, ct);

    /// <summary>Rejects a message with requeue: the broker redelivers it.</summary>
    public async Task RequeueAsync(Delivery delivery)
    {
        _requeued.Add(delivery.Tag);
        await _channel.BasicNackAsync(delivery.Tag, multiple: false, requeue: true);
    }

    public async ValueTask DisposeAsync()
    {
        await LoseAsync("closed");
        await _connection.DisposeAsync();
        _lost.Dispose();
    }

    private async Task ConsumeAsync(ushort prefetch, CancellationToken ct)
    {
        var consumer = new AsyncEventingBasicConsumer(_channel);
        consumer.ReceivedAsync += async (_, message) =>
        {
            try
            {
                _deliveries.Writer.TryWrite(_read(message));
            }
            catch (Exception e)
            {
                // The client would drop it unsettled, and the next multiple acknowledgement would remove it from the queue.
                await LoseAsync($"a delivery could not be read: {e.Message}");
            }
        };
        consumer.UnregisteredAsync += (_, cancelled) =>
            cancelled.ConsumerTags.Contains(_consumerTag) ? LoseAsync("the broker cancelled the consumer") : Task.CompletedTask;
        await _channel.BasicQosAsync(0, prefetch, global: false, ct);
        _consumerTag = $"{_queue}-{prefetch}-{Guid.CreateVersion7():N}";
        await _channel.BasicConsumeAsync(_queue, autoAck: false, _consumerTag, consumer, ct);
    }

    /// <summary>Checks that delivery tags have no gaps: a multiple acknowledgement then settles exactly what was received.</summary>
    private Delivery Next(Delivery delivery) => delivery.Tag == ++_lastTag
        ? delivery
        : throw new IOException($"Delivery {_lastTag} of {_queue} never arrived; {delivery.Tag} did. All of them are redelivered.");

    private async Task LoseAsync(string reason)
    {
        if (_deliveries.Writer.TryComplete(new IOException($"The connection that consumes {_queue} is lost: {reason}")))
        {
            await _lost.CancelAsync();
        }
    }
}
