using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

namespace Shop.Messaging.Consuming.Batches;

/// <summary>
/// A connection of one batch consumer, from its opening to its loss: nothing of it is taken over into the next one, as what was
/// not acknowledged comes again there.
/// </summary>
internal sealed class BatchSession : IAsyncDisposable
{
    /// <summary>
    /// A message that was given back more often than this may be one that kills its process. Whatever is held beside it is given
    /// back too, and nears the delivery limit with it: so it is held alone.
    /// </summary>
    private const int MostGivenBack = 1;

    private readonly string _queue;
    private readonly ushort _prefetch;
    private readonly Func<BasicDeliverEventArgs, Delivery> _read;
    private readonly Channel<Delivery> _deliveries = Channel.CreateUnbounded<Delivery>(new() { SingleReader = true });
    private readonly CancellationTokenSource _lost = new();
    private readonly IConnection _connection;
    private readonly IChannel _channel;
    private string _consumerTag = "";
    private readonly HashSet<ulong> _givenBack = [];
    private bool _careful = true;
    private ulong _taken;
    private ulong _acknowledged;

    private BatchSession(string queue, ushort prefetch, Func<BasicDeliverEventArgs, Delivery> read, IConnection connection, IChannel channel)
    {
        (_queue, _prefetch, _read, _connection, _channel) = (queue, prefetch, read, connection, channel);
        _channel.ChannelShutdownAsync += (_, reason) => LoseAsync(reason.ReplyText);
    }

    /// <summary>Cancelled when the connection is lost: what is held now comes again.</summary>
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

    /// <summary>Waits for a delivery and takes all that are there, in the order of their arrival, but not more than so many.</summary>
    /// <exception cref="ChannelClosedException">The connection is lost.</exception>
    public async Task<List<Delivery>> TakeAsync(int atMost, CancellationToken ct)
    {
        List<Delivery> taken = [Next(await _deliveries.Reader.ReadAsync(ct))];
        if (_careful && taken[0].GivenBack <= MostGivenBack)
        {
            _careful = false;
            var alone = _consumerTag;
            _consumerTag = ""; // its end is no loss of the connection
            await _channel.BasicCancelAsync(alone, cancellationToken: ct);
            await ConsumeAsync(_prefetch, ct);
        }

        while (taken.Count < atMost && _deliveries.Reader.TryRead(out var next))
        {
            taken.Add(Next(next));
        }

        return taken;
    }

    /// <summary>Acknowledges everything up to and including a delivery: call it in the order of arrival only.</summary>
    public async Task AcknowledgeAsync(Delivery last)
    {
        // A tag that was given back is settled: the broker would take it for one that it never gave out.
        var tag = last.Tag;
        while (_givenBack.Remove(tag))
        {
            tag--;
        }

        if (tag > _acknowledged)
        {
            _acknowledged = tag;
            await _channel.BasicAckAsync(tag, multiple: true);
        }
    }

    /// <summary>Publishes the copy that takes a message's place, and returns when the broker has it.</summary>
    /// <exception cref="PublishException">The broker refused it, or there is no queue for it; the session goes on.</exception>
    /// <exception cref="TimeoutException">The broker did not answer for so long.</exception>
    public Task ForwardAsync(FailedMessage failed, Delivery delivery, TimeSpan confirmTimeout, CancellationToken ct) =>
        _channel.BasicPublishAsync(failed.Exchange, failed.RoutingKey, mandatory: true, failed.Properties, delivery.Body, ct).AsTask()
            .WaitAsync(confirmTimeout, ct);

    /// <summary>Has the broker deliver a message again.</summary>
    public async Task GiveBackAsync(Delivery delivery)
    {
        _givenBack.Add(delivery.Tag);
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
                // The client would drop it, unsettled, and the next acknowledgement would remove it from the queue.
                await LoseAsync($"a delivery could not be taken: {e.Message}");
            }
        };
        consumer.UnregisteredAsync += (_, cancelled) =>
            cancelled.ConsumerTags.Contains(_consumerTag) ? LoseAsync("the broker cancelled the consumer") : Task.CompletedTask;
        await _channel.BasicQosAsync(0, prefetch, global: false, ct);
        _consumerTag = $"{_queue}-{prefetch}-{Guid.CreateVersion7():N}";
        await _channel.BasicConsumeAsync(_queue, autoAck: false, _consumerTag, consumer, ct);
    }

    /// <summary>Tags are given without gaps: an acknowledgement of this one settles exactly what was taken before it.</summary>
    private Delivery Next(Delivery delivery) => delivery.Tag == ++_taken
        ? delivery
        : throw new IOException($"Delivery {_taken} of {_queue} never arrived; {delivery.Tag} did. All of them are delivered again.");

    private async Task LoseAsync(string reason)
    {
        if (_deliveries.Writer.TryComplete(new IOException($"The connection that consumes {_queue} is lost: {reason}")))
        {
            await _lost.CancelAsync();
        }
    }
}
