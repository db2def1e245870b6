using Microsoft.Extensions.Logging;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Shop.ServiceDefaults.Messaging.Broker;

/// <summary>
/// Declares a service's part of the broker, in its <c>migrate</c> command and with its own user, before the service starts:
/// a mandatory publish needs its queues to be there. Every service declares its exchanges first and then binds to those of
/// the others, waiting for them, so that all can run at once and in any order.
/// </summary>
internal sealed partial class TopologyDeclaration(MessagingSettings settings, BrokerTopology topology, ILogger<TopologyDeclaration> logger)
{
    private static readonly TimeSpan s_waitForOthers = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(200);

    public async Task DeclareAsync(CancellationToken ct)
    {
        await using var connection = await ConnectAsync(ct);
        await using (var channel = await connection.CreateChannelAsync(cancellationToken: ct))
        {
            foreach (var exchange in topology.Exchanges)
            {
                await channel.ExchangeDeclareAsync(exchange, ExchangeType.Fanout, durable: true, cancellationToken: ct);
            }

            foreach (var queue in topology.Queues)
            {
                await DeclareQueueAsync(channel, queue.Name, ct);
            }

            if (topology.Queues.Count > 0)
            {
                await DeclareRetriesAsync(channel, ct);
            }
        }

        foreach (var queue in topology.Queues)
        {
            foreach (var exchange in queue.Events)
            {
                await BindAsync(connection, queue.Name, exchange, ct);
            }
        }

        LogDeclared(topology.Exchanges.Count, topology.Queues.Count);
    }

    /// <summary>The broker may still be starting: it takes longer than a database.</summary>
    private async Task<IConnection> ConnectAsync(CancellationToken ct)
    {
        var factory = new ConnectionFactory { Uri = settings.Broker, ClientProvidedName = settings.Service + " migrate" };
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(s_waitForOthers);
        while (true)
        {
            try
            {
                return await factory.CreateConnectionAsync(ct);
            }
            catch (BrokerUnreachableException e) when (!patience.IsCancellationRequested)
            {
                LogNoBroker(settings.Broker.Host, settings.Broker.Port, e.InnerException?.Message ?? e.Message);
                await Task.Delay(s_pause, patience.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private static async Task DeclareQueueAsync(IChannel channel, string queue, CancellationToken ct)
    {
        var dead = BrokerTopology.DeadLettersOf(queue);
        await channel.ExchangeDeclareAsync(dead, ExchangeType.Fanout, durable: true, cancellationToken: ct);
        await channel.QueueDeclareAsync(dead, durable: true, exclusive: false, autoDelete: false,
            BrokerTopology.DeadLetterArguments(), cancellationToken: ct);
        await channel.QueueBindAsync(dead, dead, "", cancellationToken: ct);
        await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false,
            BrokerTopology.QueueArguments(queue), cancellationToken: ct);
    }

    private async Task DeclareRetriesAsync(IChannel channel, CancellationToken ct)
    {
        await channel.ExchangeDeclareAsync(topology.RedeliveryExchange, ExchangeType.Direct, durable: true, cancellationToken: ct);
        foreach (var queue in topology.Queues)
        {
            await channel.QueueBindAsync(queue.Name, topology.RedeliveryExchange, queue.Name, cancellationToken: ct);
        }

        foreach (var delay in topology.RetryDelays.Distinct())
        {
            var retry = topology.RetryExchange(delay);
            await channel.ExchangeDeclareAsync(retry, ExchangeType.Fanout, durable: true, cancellationToken: ct);
            await channel.QueueDeclareAsync(retry, durable: true, exclusive: false, autoDelete: false,
                topology.RetryArguments(delay), cancellationToken: ct);
            await channel.QueueBindAsync(retry, retry, "", cancellationToken: ct);
        }
    }

    private async Task BindAsync(IConnection connection, string queue, string exchange, CancellationToken ct)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(s_waitForOthers);
        while (true)
        {
            try
            {
                // A missing exchange closes the channel, so each try has its own.
                await using var channel = await connection.CreateChannelAsync(cancellationToken: ct);
                await channel.QueueBindAsync(queue, exchange, "", cancellationToken: ct);
                return;
            }
            catch (OperationInterruptedException e) when (e.ShutdownReason?.ReplyCode == Constants.NotFound)
            {
                if (patience.IsCancellationRequested)
                {
                    throw new InvalidOperationException(
                        $"Queue {queue} cannot be bound: exchange {exchange} is not there after {s_waitForOthers.TotalSeconds:0} s. "
                        + $"Run the migrate command of the service that publishes it ({exchange.Split('.')[0]}), then this one again.", e);
                }

                LogWaiting(queue, exchange);
                await Task.Delay(s_pause, patience.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    [LoggerMessage(LogLevel.Information, "Declared {Exchanges} exchanges and {Queues} queues with their dead letters.")]
    private partial void LogDeclared(int exchanges, int queues);

    [LoggerMessage(LogLevel.Debug, "The broker at {Host}:{Port} does not answer yet: {Reason}")]
    private partial void LogNoBroker(string host, int port, string reason);

    [LoggerMessage(LogLevel.Debug, "{Queue} waits for exchange {Exchange} of another service.")]
    private partial void LogWaiting(string queue, string exchange);
}
