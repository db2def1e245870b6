using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Shop.Messaging.RabbitMq;

/// <summary>
/// Checks that the broker has all queues and exchanges of the service, and delays its consumers until then: MassTransit would declare a
/// missing queue without its bindings, which would receive nothing unnoticed.
/// </summary>
internal sealed partial class TopologyCheck(MessagingSettings settings, BrokerTopology topology, ILogger<TopologyCheck> logger)
    : BackgroundService, IHealthCheck
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(500);
    private string? _missing;
    private readonly TaskCompletionSource _complete = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Waits until the topology is complete.</summary>
    public Task CompleteAsync(CancellationToken ct) => _complete.Task.WaitAsync(ct);

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult((_complete.Task.IsCompleted, _missing) switch
        {
            (true, _) => HealthCheckResult.Healthy(),
            (_, { } missing) => HealthCheckResult.Unhealthy(Advice(missing)),
            _ => HealthCheckResult.Degraded("The broker was not reached yet: it is unknown whether all queues and exchanges exist."),
        });

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await topology.Declared.WaitAsync(stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (await IsCompleteAsync(stoppingToken))
                {
                    _complete.TrySetResult();
                    return;
                }
            }
            catch (Exception e) when (e is RabbitMQClientException or IOException or OperationCanceledException)
            {
                LogNoBroker(e.Message); // consumers log it at a higher level
            }

            await Task.Delay(s_pause, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private string Advice(string missing) =>
        $"The broker lacks {missing}. {settings.TopologyAdvice}; the service continues automatically then.";

    private async Task<bool> IsCompleteAsync(CancellationToken ct)
    {
        var factory = BrokerConnections.To(settings.Broker, settings.Service + " topology check");
        await using var connection = await factory.CreateConnectionAsync(ct);
        List<string> missing = [];
        var queues = topology.Queues.SelectMany(queue => (string[])[queue.Name, BrokerTopology.DeadLettersOf(queue.Name)]).ToList();
        if (queues.Count > 0)
        {
            queues.AddRange(topology.RetryExchanges.Append(topology.DiscardedQueue));
            await FindAsync("exchange " + topology.RedeliveryExchange, channel =>
                channel.ExchangeDeclarePassiveAsync(topology.RedeliveryExchange, ct));
        }

        foreach (var exchange in topology.Exchanges.Concat(queues)) // each queue has an exchange of the same name
        {
            await FindAsync("exchange " + exchange, channel => channel.ExchangeDeclarePassiveAsync(exchange, ct));
        }

        foreach (var queue in queues)
        {
            await FindAsync("queue " + queue, channel => channel.QueueDeclarePassiveAsync(queue, ct));
        }

        Report(missing);
        return missing.Count == 0;

        async Task FindAsync(string what, Func<IChannel, Task> declarePassive)
        {
            // A missing object closes the channel, so each check has its own.
            await using var channel = await connection.CreateChannelAsync(cancellationToken: ct);
            try
            {
                await declarePassive(channel);
            }
            catch (OperationInterruptedException e) when (e.ShutdownReason?.ReplyCode == Constants.NotFound)
            {
                missing.Add(what);
            }
        }
    }

    private void Report(List<string> missing)
    {
        var now = missing.Count > 0 ? string.Join(", ", missing) : null;
        if (now is not null && now != _missing)
        {
            LogMissing(Advice(now));
        }

        _missing = now;
    }

    [LoggerMessage(LogLevel.Error, "Consumers not started: {Advice}")]
    private partial void LogMissing(string advice);

    [LoggerMessage(LogLevel.Debug, "Broker not reachable yet: {Reason}")]
    private partial void LogNoBroker(string reason);
}
