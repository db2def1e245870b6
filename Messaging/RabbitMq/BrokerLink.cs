using Microsoft.Extensions.Logging;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Shop.Messaging.RabbitMq;

/// <summary>The publisher's connection and its one channel in confirm mode, whose events settle the batch that is out.</summary>
internal sealed partial class BrokerLink(MessagingSettings settings, ILogger logger) : IAsyncDisposable
{
    private IConnection? _connection;
    private volatile IChannel? _channel;
    private volatile PublishBatch? _batch;
    private volatile string? _blocked;
    private bool _abandoned;

    /// <summary>The batch that is out; none between batches.</summary>
    public PublishBatch? Batch
    {
        get => _batch;
        set => _batch = value;
    }

    /// <summary>The tag that the channel gives to its next publish.</summary>
    public ulong NextTag { get; set; } = 1;

    /// <summary>Whether the broker said that it takes no messages for now.</summary>
    public bool IsBlocked => _blocked is not null;

    /// <summary>What the broker said when it closed the channel but not the connection; null if it did not.</summary>
    public string? ClosedByBroker => _connection is { IsOpen: true } && _channel is { CloseReason: { Initiator: ShutdownInitiator.Peer } reason }
        ? $"the broker closed the channel: {reason.ReplyCode} {reason.ReplyText}"
        : null;

    public static bool IsBrokers(Exception e) =>
        e is RabbitMQClientException or OperationCanceledException or ObjectDisposedException or IOException;

    /// <summary>
    /// Connects where there is no open connection. Throws what the client throws when the broker is away, and
    /// <see cref="IOException"/> where it answers but takes no messages for now.
    /// </summary>
    public async Task ConnectAsync(CancellationToken ct)
    {
        if (_connection is { IsOpen: true } && _blocked is { } reason)
        {
            throw new IOException($"The broker takes no messages for now: {reason}.");
        }

        if (_connection is not { IsOpen: true } || _abandoned)
        {
            await CloseAsync();
            var factory = BrokerConnections.To(settings.Broker, settings.Service + " relay");
            factory.AutomaticRecoveryEnabled = false; // the relay's own loop reconnects, and must know when it has to
            factory.TopologyRecoveryEnabled = false;
            factory.RequestedHeartbeat = TimeSpan.FromSeconds(10);
            factory.ContinuationTimeout = TimeSpan.FromSeconds(10);
            var connection = await factory.CreateConnectionAsync(ct);
            _connection = connection;
            connection.ConnectionBlockedAsync += (_, blocked) => BlockedIs(connection, blocked.Reason);
            connection.ConnectionUnblockedAsync += (_, _) => BlockedIs(connection, null);
        }

        await ChannelAsync(ct);
    }

    /// <summary>The open channel, a new one if need be.</summary>
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
            throw new IOException("The connection to the broker is gone.");
        }

        // The client's own tracking keeps a task and a header for each message; PublishBatch keeps the account instead.
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
    /// Gives the channel up with what is out on it: a confirm that comes later would be taken for another's. A broker that
    /// takes nothing for now keeps its connection: a new one would not be told of it before it has sent something. Waits for
    /// nothing: closing the connection of a broker that does not answer takes its time, and meanwhile a claim is open.
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

    /// <summary>Events of a channel that was replaced come late and concern nobody.</summary>
    private Task On(IChannel channel, Action<PublishBatch> settle)
    {
        if (ReferenceEquals(channel, _channel) && _batch is { } batch)
        {
            settle(batch);
        }

        return Task.CompletedTask;
    }

    /// <summary>A connection that was given up may still say so while it is closing: that is not said of its successor.</summary>
    private Task BlockedIs(IConnection connection, string? reason)
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
        catch (Exception e) when (IsBrokers(e))
        {
            LogCloseFailed(e.Message);
        }
    }

    [LoggerMessage(LogLevel.Debug, "Closing the relay's broker connection failed, which changes nothing: {Reason}")]
    private partial void LogCloseFailed(string reason);
}
