using Microsoft.Extensions.Logging;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Shop.Messaging.RabbitMq;

/// <summary>The publisher's connection and its channel in confirm mode, whose events settle the current batch.</summary>
internal sealed partial class BrokerLink(MessagingSettings settings, ILogger logger) : IAsyncDisposable
{
    private IConnection? _connection;
    private volatile IChannel? _channel;
    private volatile PublishBatch? _batch;
    private volatile string? _blocked;
    private bool _abandoned;

    /// <summary>The batch in flight; null between batches.</summary>
    public PublishBatch? Batch
    {
        get => _batch;
        set => _batch = value;
    }

    /// <summary>The delivery tag of the channel's next publish.</summary>
    public ulong NextTag { get; set; } = 1;

    /// <summary>Whether the broker has blocked the connection.</summary>
    public bool IsBlocked => _blocked is not null;

    /// <summary>The broker's reason for closing the channel but not the connection; null if it did not.</summary>
    public string? ClosedByBroker => _connection is { IsOpen: true } && _channel is { CloseReason: { Initiator: ShutdownInitiator.Peer } reason }
        ? $"the broker closed the channel: {reason.ReplyCode} {reason.ReplyText}"
        : null;

    public static bool IsBrokerFailure(Exception e) =>
        e is RabbitMQClientException or OperationCanceledException or ObjectDisposedException or IOException;

    /// <summary>
    /// Connects unless a connection is open. Throws the client's exceptions when the broker is unreachable, and
    /// <see cref="IOException"/> where it has blocked the connection.
    /// </summary>
    public async Task ConnectAsync(CancellationToken ct)
    {
        if (_connection is { IsOpen: true } && _blocked is { } reason)
        {
            throw new IOException($"The broker blocked the connection: {reason}.");
        }

        if (_connection is not { IsOpen: true } || _abandoned)
        {
            await CloseAsync();
            var factory = BrokerConnections.To(settings.Broker, settings.Service + " relay");
            factory.AutomaticRecoveryEnabled = false; // the relay reconnects itself, and must notice the loss
            factory.TopologyRecoveryEnabled = false;
            factory.RequestedHeartbeat = TimeSpan.FromSeconds(10);
            factory.ContinuationTimeout = TimeSpan.FromSeconds(10);
            var connection = await factory.CreateConnectionAsync(ct);
            _connection = connection;
            connection.ConnectionBlockedAsync += (_, blocked) => SetBlockedAsync(connection, blocked.Reason);
            connection.ConnectionUnblockedAsync += (_, _) => SetBlockedAsync(connection, null);
        }

        await ChannelAsync(ct);
    }

    /// <summary>The open channel, or a new one.</summary>
    public async Task<IChannel> ChannelAsync(CancellationToken ct)
    {
        if (_channel is { IsOpen: true } open)
        {
            return open;
        }

        if (_channel is not null)
        {
            await _channel.DisposeAsync();
        }

        if (_connection is not { IsOpen: true })
        {
            throw new IOException("The connection to the broker is closed.");
        }

        // The client's tracking allocates a task and a header per message; PublishBatch tracks the confirms instead.
        var channel = await _connection.CreateChannelAsync(
            new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: false,
                outstandingPublisherConfirmationsRateLimiter: null), ct);
        channel.BasicAcksAsync += (_, ack) => On(channel, batch => batch.Confirmed(ack.DeliveryTag, ack.Multiple));
        channel.BasicNacksAsync += (_, nack) => On(channel, batch => batch.Nacked(nack.DeliveryTag, nack.Multiple));
        channel.BasicReturnAsync += (_, returned) => On(channel, batch =>
            batch.Returned(returned.Exchange, Guid.Parse(returned.BasicProperties.MessageId!)));
        channel.ChannelShutdownAsync += (_, _) => On(channel, batch => batch.Close());
        (_channel, NextTag) = (channel, 1);
        return channel;
    }

    /// <summary>
    /// Abandons the channel and what is in flight on it: a late confirm would be matched to another message. A blocked
    /// connection is kept: a new one would learn that it is blocked only after its first publish. Does not wait:
    /// closing a connection to an unresponsive broker takes time, while the claim's transaction is open.
    /// </summary>
    public void Abandon()
    {
        _abandoned = true;
        if (_blocked is null)
        {
            _ = CloseAsync();
        }
    }

    public async ValueTask DisposeAsync() => await CloseAsync();

    /// <summary>Ignores late events of a replaced channel.</summary>
    private Task On(IChannel channel, Action<PublishBatch> settle)
    {
        if (ReferenceEquals(channel, _channel) && _batch is { } batch)
        {
            settle(batch);
        }

        return Task.CompletedTask;
    }

    /// <summary>Ignores late events of a replaced connection.</summary>
    private Task SetBlockedAsync(IConnection connection, string? reason)
    {
        if (ReferenceEquals(connection, _connection))
        {
            _blocked = reason;
        }

        return Task.CompletedTask;
    }

    private async Task CloseAsync()
    {
        var connection = _connection;
        (_connection, _channel, _blocked, _abandoned) = (null, null, null, false);
        if (connection is null)
        {
            return;
        }

        try
        {
            await connection.AbortAsync();
            await connection.DisposeAsync();
        }
        catch (Exception e) when (IsBrokerFailure(e))
        {
            LogCloseFailed(e.Message);
        }
    }

    [LoggerMessage(LogLevel.Debug, "Closing the relay's broker connection failed: {Reason}")]
    private partial void LogCloseFailed(string reason);
}
