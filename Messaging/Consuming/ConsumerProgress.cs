using System.Collections.Concurrent;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RabbitMQ.Client;
using Shop.Messaging.RabbitMq;

namespace Shop.Messaging.Consuming;

/// <summary>
/// Watches that the queues of this service move: one that has messages waiting, and of which no delivery was settled here for
/// <see cref="MessagingSettings.StalledAfter"/>, makes the service unhealthy, whatever the reason is.
/// </summary>
internal sealed partial class ConsumerProgress(
    MessagingSettings settings, BrokerTopology topology, TimeProvider clock, ILogger<ConsumerProgress> logger)
    : BackgroundService, IHealthCheck
{
    private static readonly TimeSpan s_goodbye = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, long> _settled = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (long Settled, long Since)> _seen = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, string> _stalled = new(StringComparer.Ordinal);

    /// <summary>Deliveries of this queue were settled.</summary>
    public void Settled(string queue) => _settled.AddOrUpdate(queue, 1, static (_, count) => count + 1);

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(_stalled.IsEmpty
            ? HealthCheckResult.Healthy()
            : HealthCheckResult.Unhealthy(string.Join(" ", _stalled.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => pair.Value))));

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
                // Whatever it is, a watch that ends would take its service with it. A broker that does not answer is a cancellation here.
                LogCannotLook(e.Message);
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
                await LookAsync(channel, ct);
            }
            while (await timer.WaitForNextTickAsync(ct));
        }
        finally
        {
            await connection.AbortAsync(s_goodbye); // a broker that does not answer answers no goodbye either
        }
    }

    private Task<IConnection> ConnectAsync(CancellationToken ct)
    {
        var factory = BrokerConnections.To(settings.Broker, settings.Service + " consumer progress");
        factory.AutomaticRecoveryEnabled = false;
        factory.ContinuationTimeout = settings.ConfirmTimeout;
        return factory.CreateConnectionAsync(ct);
    }

    private async Task LookAsync(IChannel channel, CancellationToken ct)
    {
        foreach (var queue in topology.Queues.Select(queue => queue.Name))
        {
            var waiting = (await channel.QueueDeclarePassiveAsync(queue, ct)).MessageCount;
            var settled = _settled.GetValueOrDefault(queue);
            var (before, since) = _seen.TryGetValue(queue, out var seen) ? seen : (-1, 0);
            if (waiting == 0 || settled != before)
            {
                _seen[queue] = (settled, clock.GetTimestamp());
                Moves(queue);
            }
            else if (clock.GetElapsedTime(since) is var still && still >= settings.StalledAfter)
            {
                Stalls(queue, waiting, still);
            }
        }
    }

    private void Moves(string queue)
    {
        if (_stalled.TryRemove(queue, out _))
        {
            LogMoves(queue);
        }
    }

    private void Stalls(string queue, uint waiting, TimeSpan still)
    {
        if (!_stalled.ContainsKey(queue))
        {
            LogStalls(queue, waiting, still);
        }

        _stalled[queue] = $"{queue} has {waiting} messages waiting, and settled none for {still.TotalSeconds:0} s: its log says why; "
            + "a restart of the service has the messages delivered again.";
    }

    [LoggerMessage(LogLevel.Error, "{Queue} makes no progress: {Waiting} messages wait, and none was settled for {Still}")]
    private partial void LogStalls(string queue, uint waiting, TimeSpan still);

    [LoggerMessage(LogLevel.Information, "{Queue} makes progress again")]
    private partial void LogMoves(string queue);

    [LoggerMessage(LogLevel.Debug, "The queues' lengths are not known: {Reason}")]
    private partial void LogCannotLook(string reason);
}
