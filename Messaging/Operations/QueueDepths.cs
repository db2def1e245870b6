using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;
using Shop.Messaging.RabbitMq;

namespace Shop.Messaging.Operations;

/// <summary>What the broker says of a queue.</summary>
/// <param name="Ready">Messages that wait for a consumer.</param>
/// <param name="Consumers">Consumers of all instances.</param>
internal readonly record struct QueueDepth(long Ready, long Consumers);

/// <summary>
/// Reads the depths of the service's queues over a connection of its own, which is opened by the first reading. One reading at a
/// time.
/// </summary>
internal sealed class QueueDepths(MessagingSettings settings, BrokerTopology topology) : IAsyncDisposable
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_closeTimeout = TimeSpan.FromSeconds(1);

    private IConnection? _connection;
    private IChannel? _channel;

    /// <summary>The service's queues, with their dead letters, retries and discarded messages; a missing one is left out.</summary>
    /// <exception cref="Exception">The client's, where the broker is unreachable or does not answer within two seconds.</exception>
    public async Task<IReadOnlyDictionary<string, QueueDepth>> ReadAsync(CancellationToken ct)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(ct);
        timeout.CancelAfter(s_timeout);
        try
        {
            Dictionary<string, QueueDepth> depths = new(StringComparer.Ordinal);
            foreach (var queue in topology.Queues.SelectMany(queue => (string[])[queue.Name, BrokerTopology.DeadLettersOf(queue.Name)])
                .Concat(topology.Queues.Count > 0 ? topology.RetryExchanges.Append(topology.DiscardedQueue) : []))
            {
                if (await DepthAsync(queue, timeout.Token) is { } depth)
                {
                    depths[queue] = depth;
                }
            }

            return depths;
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_connection is { } connection)
        {
            (_connection, _channel) = (null, null);
            await connection.AbortAsync(s_closeTimeout); // an unresponsive broker does not answer the close either
            await connection.DisposeAsync();
        }
    }

    private async Task<QueueDepth?> DepthAsync(string queue, CancellationToken ct)
    {
        try
        {
            var declared = await (await ChannelAsync(ct)).QueueDeclarePassiveAsync(queue, ct);
            return new QueueDepth(declared.MessageCount, declared.ConsumerCount);
        }
        catch (OperationInterruptedException e) when (e.ShutdownReason?.ReplyCode == 404) // which closes the channel
        {
            return null;
        }
    }

    private async Task<IChannel> ChannelAsync(CancellationToken ct)
    {
        if (_connection is not { IsOpen: true })
        {
            await DisposeAsync();
            var factory = BrokerConnections.To(settings.Broker, settings.Service + " overview");
            factory.AutomaticRecoveryEnabled = false;
            factory.ContinuationTimeout = s_timeout;
            _connection = await factory.CreateConnectionAsync(ct);
        }

        return _channel is { IsOpen: true } open ? open : _channel = await _connection.CreateChannelAsync(cancellationToken: ct);
    }
}
