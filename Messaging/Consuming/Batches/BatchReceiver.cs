using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Polly;
using Polly.Retry;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;
using Shop.Messaging.RabbitMq;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Consuming.Batches;

/// <summary>
/// Receives a queue's messages for a batch consumer: what has arrived, up to a limit, goes to the <see cref="Pump"/> as one
/// batch. One batch at a time, so the order of arrival is kept.
/// </summary>
internal sealed partial class BatchReceiver<TConsumer>(
    Subscription subscription, BatchCall call, MessagingSettings settings, Pump pump, TopologyCheck topology, MessageReader reader,
    TimeProvider clock, ILogger<BatchReceiver<TConsumer>> logger) : BackgroundService, IHealthCheck
    where TConsumer : class
{
    private readonly string _queue = subscription.Queue.Name;
    private BatchSession? _session;

    /// <summary>Closes the connection as a crash would: unacknowledged deliveries are requeued.</summary>
    internal Task AbortAsync() => _session?.DisposeAsync().AsTask() ?? Task.CompletedTask;

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(_session is { IsOpen: true } ? HealthCheckResult.Healthy() : HealthCheckResult.Degraded($"{_queue} is not consumed."));

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var connecting = ConnectPipeline();
        for (var lost = 0; !stoppingToken.IsCancellationRequested; lost++)
        {
            try
            {
                await Task.Delay(TimeSpan.FromMilliseconds(Math.Min(50 * lost, 400)), clock, stoppingToken);
                await using var session = await connecting.ExecuteAsync(OpenAsync, stoppingToken);
                _session = session;
                while (!stoppingToken.IsCancellationRequested)
                {
                    var batch = await session.ReceiveAsync(settings.ConsumeBatchSize, stoppingToken);
                    using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, session.Lost);
                    await pump.SettleAsync(new Source(session, subscription, call, settings.ConfirmTimeout), batch, giveUp.Token);
                    lost = 0;
                }
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return; // unacknowledged deliveries are requeued
            }
            catch (Exception e)
            {
                LogLost(_queue, e.Message);
            }
        }
    }

    private ResiliencePipeline ConnectPipeline() => new ResiliencePipelineBuilder { TimeProvider = clock }
        .AddRetry(new RetryStrategyOptions
        {
            ShouldHandle = new PredicateBuilder().Handle<Exception>(e => e is not OperationCanceledException),
            MaxRetryAttempts = int.MaxValue,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            Delay = TimeSpan.FromMilliseconds(200),
            MaxDelay = TimeSpan.FromSeconds(5),
            OnRetry = attempt =>
            {
                LogCannotConsume(_queue, attempt.Outcome.Exception?.Message ?? "", attempt.RetryDelay);
                return default;
            },
        })
        .Build();

    private async ValueTask<BatchSession> OpenAsync(CancellationToken ct)
    {
        await topology.CompleteAsync(ct);
        var factory = BrokerConnections.To(settings.Broker, $"{settings.Service} batches");
        factory.AutomaticRecoveryEnabled = false; // delivery tags of the old connection are invalid on a new one
        factory.TopologyRecoveryEnabled = false;
        factory.RequestedHeartbeat = TimeSpan.FromSeconds(10);
        factory.ContinuationTimeout = TimeSpan.FromSeconds(10);
        var prefetch = (ushort)Math.Min(settings.ConsumeBatchSize * 2, 2_000); // one batch being processed, one prefetched
        return await BatchSession.OpenAsync(factory, _queue, prefetch, message => Delivery.Read(message, subscription.Events, reader), ct);
    }

    [LoggerMessage(LogLevel.Warning, "{Queue} lost its consumer; reconnecting: {Reason}")]
    private partial void LogLost(string queue, string reason);

    [LoggerMessage(LogLevel.Warning, "{Queue} cannot be consumed; next attempt in {Delay}: {Reason}")]
    private partial void LogCannotConsume(string queue, string reason, TimeSpan delay);

    /// <summary>A session as the pump's source.</summary>
    private sealed class Source(BatchSession session, Subscription subscription, BatchCall call, TimeSpan confirmTimeout) : IPumpSource
    {
        public Subscription Subscription => subscription;

        public bool InboxRowsFirst(Delivery delivery) => true;

        public Task ConsumeAsync(IServiceScope scope, IReadOnlyList<Delivery> deliveries, CausationContext causation) =>
            call(scope.ServiceProvider, deliveries, causation);

        public Task ForwardAsync(FailedMessage failed, Delivery delivery, CancellationToken ct) =>
            session.ForwardAsync(failed, delivery, confirmTimeout, ct);

        public bool IsRefusal(Exception failure) => failure is PublishException;

        public Task RequeueAsync(Delivery delivery, Exception why) => session.RequeueAsync(delivery);

        public Task AcknowledgeAsync(Delivery last) => session.AcknowledgeAsync(last);
    }
}
