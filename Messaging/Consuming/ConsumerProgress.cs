using System.Collections.Concurrent;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RabbitMQ.Client;
using Shop.Messaging.RabbitMq;

namespace Shop.Messaging.Consuming;

/// <summary>
/// Reports the service as unhealthy while a queue has messages waiting and no delivery of it was settled here for
/// <see cref="MessagingSettings.StalledAfter"/>, whatever the reason is.
/// </summary>
internal sealed partial class ConsumerProgress(
    MessagingSettings settings, BrokerTopology topology, TimeProvider clock, ILogger<ConsumerProgress> logger)
    : BackgroundService, IHealthCheck
{
    private static readonly TimeSpan s_closeTimeout = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, long> _settled = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (long Count, long Since)> _seen = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, string> _stalled = new(StringComparer.Ordinal);

    /// <summary>Records that deliveries of this queue were settled.</summary>
    public void Settled(string queue) => _settled.AddOrUpdate(queue, 1, static (_, count) => count + 1);

    /// <summary>Why a queue is considered stalled; null while it is not.</summary>
    public string? StalledReason(string queue) => _stalled.GetValueOrDefault(queue);

    /// <summary>A stalled retry queue keeps only what failed before: that is degraded, and no reason to restart the service.</summary>
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var stalled = _stalled.OrderBy(pair => pair.Key, StringComparer.Ordinal).ToList();
        var text = string.Join(" ", stalled.Select(pair => pair.Value));
        return Task.FromResult(stalled.Count == 0 ? HealthCheckResult.Healthy()
            : stalled.TrueForAll(pair => topology.RetryExchanges.Contains(pair.Key)) ? HealthCheckResult.Degraded(text)
            : HealthCheckResult.Unhealthy(text));
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (topology.Queues.Count == 0)
        {
            return;
        }

        using var timer = new PeriodicTimer(settings.StalledAfter / 6, clock);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await WatchAsync(timer, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // An exception here would stop the host. A broker that does not answer is a cancellation here.
                LogCheckFailed(e.Message);
                await Task.Delay(settings.StalledAfter / 6, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task WatchAsync(PeriodicTimer timer, CancellationToken ct)
    {
        await using var connection = await ConnectAsync(ct);
        try
        {
            var channel = await connection.CreateChannelAsync(cancellationToken: ct);
            do
            {
                await CheckQueuesAsync(channel, ct);
                await CheckRetryQueuesAsync(channel, ct);
            }
            while (await timer.WaitForNextTickAsync(ct));
        }
        finally
        {
            await connection.AbortAsync(s_closeTimeout); // an unresponsive broker does not answer the close either
        }
    }

    private Task<IConnection> ConnectAsync(CancellationToken ct)
    {
        var factory = BrokerConnections.To(settings.Broker, settings.Service + " consumer progress");
        factory.AutomaticRecoveryEnabled = false;
        factory.ContinuationTimeout = settings.ConfirmTimeout;
        return factory.CreateConnectionAsync(ct);
    }

    private async Task CheckQueuesAsync(IChannel channel, CancellationToken ct)
    {
        foreach (var queue in topology.Queues.Select(queue => queue.Name))
        {
            var waiting = (await channel.QueueDeclarePassiveAsync(queue, ct)).MessageCount;
            var settled = _settled.GetValueOrDefault(queue);
            var (before, since) = _seen.TryGetValue(queue, out var seen) ? seen : (-1, 0);
            if (waiting == 0 || settled != before)
            {
                _seen[queue] = (settled, clock.GetTimestamp());
                ReportProgress(queue);
            }
            else if (clock.GetElapsedTime(since) is var unchanged && unchanged >= settings.StalledAfter)
            {
                ReportStalled(queue, waiting, unchanged);
            }
        }
    }

    /// <summary>Each message leaves a retry queue when its delay is over, so that the queue's length falls at some time, if it is not empty.</summary>
    private async Task CheckRetryQueuesAsync(IChannel channel, CancellationToken ct)
    {
        foreach (var (index, queue) in topology.RetryExchanges.Index())
        {
            var delay = topology.LongestDelayOf(index + 1);
            var waiting = (await channel.QueueDeclarePassiveAsync(queue, ct)).MessageCount;
            var (before, since) = _seen.TryGetValue(queue, out var seen) ? seen : (-1, 0);
            if (waiting == 0 || waiting < before || before < 0)
            {
                _seen[queue] = (waiting, clock.GetTimestamp());
                ReportProgress(queue);
                continue;
            }

            _seen[queue] = (waiting, since);
            if (clock.GetElapsedTime(since) is var unchanged && unchanged >= delay + settings.StalledAfter)
            {
                if (_stalled.TryAdd(queue, $"{queue} has {waiting} messages, and none has left it for {unchanged.TotalSeconds:0} s although their delay is "
                    + $"{delay.TotalSeconds:0} s: the broker's dead-lettering has stopped. See the broker's log."))
                {
                    LogRetriesStalled(queue, waiting, unchanged);
                }
            }
        }
    }

    private void ReportProgress(string queue)
    {
        if (_stalled.TryRemove(queue, out _))
        {
            LogProgress(queue);
        }
    }

    private void ReportStalled(string queue, uint waiting, TimeSpan unchanged)
    {
        if (!_stalled.ContainsKey(queue))
        {
            LogStalled(queue, waiting, unchanged);
        }

        _stalled[queue] = $"{queue} has {waiting} messages waiting and settled none for {unchanged.TotalSeconds:0} s. See the service's log; "
            + "a restart redelivers the messages.";
    }

    [LoggerMessage(LogLevel.Error, "{Queue} stalled: {Waiting} messages waiting, none settled for {Unchanged}")]
    private partial void LogStalled(string queue, uint waiting, TimeSpan unchanged);

    [LoggerMessage(LogLevel.Error, "{Queue} stalled: {Waiting} messages whose retry is due, and none left it for {Unchanged}: the broker's dead-lettering has stopped")]
    private partial void LogRetriesStalled(string queue, uint waiting, TimeSpan unchanged);

    [LoggerMessage(LogLevel.Information, "{Queue} resumed")]
    private partial void LogProgress(string queue);

    [LoggerMessage(LogLevel.Debug, "Queue lengths could not be read: {Reason}")]
    private partial void LogCheckFailed(string reason);
}
