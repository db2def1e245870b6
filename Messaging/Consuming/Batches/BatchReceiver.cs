using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Polly;
using Polly.Retry;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;
using Shop.Messaging.RabbitMq;
using Shop.Messaging.Telemetry;
using Shop.Messaging.UnitOfWork;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Consuming.Batches;

/// <summary>
/// Consumes a queue in batches: whatever has arrived, up to a limit, is one transaction, and is acknowledged after its commit.
/// One batch at a time, so the order of arrival is kept. A batch that fails is cut in two until the message that it fails on is
/// alone: that one is tried again at once, then later, and then goes to the dead letters, as with any consumer.
/// </summary>
internal sealed partial class BatchReceiver<TConsumer, TEvent>(
    ConsumerQueue queue, MessagingSettings settings, FailurePolicy policy, ConsumerProgress progress, MessagingSpans spans, MessageReader reader,
    IServiceScopeFactory scopes, TimeProvider clock, ILogger<BatchReceiver<TConsumer, TEvent>> logger) : BackgroundService, IHealthCheck
    where TConsumer : class, IBatchConsumer<TEvent>
    where TEvent : class, IIntegrationEvent
{
    private const int ConflictAttempts = 20;
    private static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan s_requeuePause = TimeSpan.FromSeconds(1);

    private readonly BatchInbox<TConsumer, TEvent> _inbox = new(queue.Name, scopes, clock);
    private readonly KeyValuePair<string, object?> _tag = new("consumer", queue.Name);
    private BatchSession? _session;

    /// <summary>As when the process dies: whatever is held is given back.</summary>
    internal Task BreakOffAsync() => _session?.DisposeAsync().AsTask() ?? Task.CompletedTask;

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(_session is { IsOpen: true } ? HealthCheckResult.Healthy() : HealthCheckResult.Degraded($"{queue.Name} is not consumed."));

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var connecting = ConnectPipeline();
        for (var lost = 0; !stoppingToken.IsCancellationRequested; lost++)
        {
            try
            {
                await PauseAsync(TimeSpan.FromMilliseconds(Math.Min(50 * lost, 400)), stoppingToken);
                await using var session = await connecting.ExecuteAsync(OpenAsync, stoppingToken);
                _session = session;
                while (!stoppingToken.IsCancellationRequested)
                {
                    var batch = await session.TakeAsync(settings.ConsumeBatchSize, stoppingToken);
                    await SettleAsync(session, batch, stoppingToken);
                    progress.Settled(queue.Name);
                    lost = 0;
                }
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return; // what is not acknowledged goes back to the queue
            }
            catch (Exception e)
            {
                LogLost(queue.Name, e.Message);
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
                LogCannotConsume(queue.Name, attempt.Outcome.Exception?.Message ?? "", attempt.RetryDelay);
                return default;
            },
        })
        .Build();

    private async ValueTask<BatchSession> OpenAsync(CancellationToken ct)
    {
        var factory = BrokerConnections.To(settings.Broker, $"{settings.Service} batches");
        factory.AutomaticRecoveryEnabled = false; // a new connection knows nothing of the deliveries of the old one
        factory.TopologyRecoveryEnabled = false;
        factory.RequestedHeartbeat = TimeSpan.FromSeconds(10);
        factory.ContinuationTimeout = TimeSpan.FromSeconds(10);
        var prefetch = (ushort)Math.Min(settings.ConsumeBatchSize * 2, 2_000); // one batch at work, the next one on its way
        return await BatchSession.OpenAsync(factory, queue.Name, prefetch, message => Delivery.Read<TEvent>(message, reader), ct);
    }

    private async Task SettleAsync(BatchSession session, List<Delivery> batch, CancellationToken stopping)
    {
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(stopping, session.Lost);
        foreach (var malformed in batch.Where(delivery => delivery.Malformed is not null))
        {
            using var span = spans.ProcessUnread(malformed.Properties, queue.Name, malformed.Malformed!);
            await ForwardAsync(session, malformed, malformed.Malformed!, span, giveUp.Token);
        }

        var readable = batch.FindAll(delivery => delivery.Malformed is null);
        if (readable.Count > 0)
        {
            await ConsumeAsync(session, readable, giveUp.Token);
        }

        await session.AcknowledgeAsync(batch[^1]);
    }

    /// <summary>Returns when the deliveries are acknowledged, each after its effects are committed or a copy waits elsewhere.</summary>
    private async Task ConsumeAsync(BatchSession session, List<Delivery> part, CancellationToken giveUp)
    {
        var (conflicts, failures, absences) = (0, 0, 0);
        while (true)
        {
            giveUp.ThrowIfCancellationRequested();
            using var span = BatchSpan.Start(spans, queue.Name, part);
            try
            {
                // Not cancelled in the middle: a batch that is nearly done is done sooner than done again.
                await RunAsync(part, span, CancellationToken.None);
                break;
            }
            catch (Exception e) when (Transient.IsDatabaseAway(e))
            {
                // No fault of the messages: hold them and wait, however long it takes. If it was the commit that was cut off, the
                // inbox knows what became of it.
                LogDatabaseAway(queue.Name, e.Message);
                await PauseAsync(TimeSpan.FromMilliseconds(200 << Math.Min(absences++, 4)), giveUp);
            }
            catch (Exception e) when ((Transient.IsConflict(e) || Transient.IsLockTimeout(e)) && ++conflicts < ConflictAttempts)
            {
                await PauseAsync(TimeSpan.FromMilliseconds(5 << Math.Min(conflicts, 7)), giveUp);
            }
            catch (Exception e) when (part.Count > 1)
            {
                LogCut(queue.Name, part.Count, e.Message);
                await ConsumeAsync(session, part[..(part.Count / 2)], giveUp);
                await ConsumeAsync(session, part[(part.Count / 2)..], giveUp);
                return;
            }
            catch (Exception) when (++failures <= settings.ImmediateRetries)
            {
                await PauseAsync(TimeSpan.FromMilliseconds(25 * (failures - 1)), giveUp);
            }
            catch (Exception e)
            {
                await ForwardAsync(session, part[0], e, span.Activity, giveUp);
                break;
            }
        }

        await session.AcknowledgeAsync(part[^1]);
    }

    private async Task RunAsync(List<Delivery> part, BatchSpan span, CancellationToken ct)
    {
        var start = clock.GetTimestamp();
        try
        {
            var consumed = await _inbox.ConsumeAsync(part, span, ct);
            MessagingTelemetry.ProcessDuration.Record(clock.GetElapsedTime(start).TotalSeconds, MessagingTelemetry.ProcessedFrom(queue.Name));
            MessagingTelemetry.Consumed.Add(consumed, _tag);
            MessagingTelemetry.ConsumedAtOnce.Record(part.Count, _tag);
            if (consumed < part.Count)
            {
                MessagingTelemetry.Deduplicated.Add(part.Count - consumed, _tag);
            }
        }
        catch (Exception e)
        {
            span.Fail(e);
            MessagingTelemetry.ProcessDuration.Record(clock.GetElapsedTime(start).TotalSeconds, MessagingTelemetry.ProcessedFrom(queue.Name, e));
            throw;
        }
    }

    /// <summary>Puts a copy where it waits for its next retry, or with the dead letters. The broker has it when this returns.</summary>
    private async Task ForwardAsync(BatchSession session, Delivery delivery, Exception failure, Activity? span, CancellationToken giveUp)
    {
        var failed = policy.Decide(queue.Name, delivery.Properties, failure, typeof(TConsumer).Name);
        try
        {
            await session.ForwardAsync(failed, delivery, settings.ConfirmTimeout, giveUp);
            policy.Report(queue.Name, failed, failure, span);
        }
        catch (PublishException e)
        {
            // Nothing else waits for it: it alone is delivered again, though not as fast as the broker can.
            LogNotForwarded(queue.Name, Untrusted.Shown(delivery.Properties.MessageId), failed.Exchange, e.Message);
            await PauseAsync(s_requeuePause, giveUp);
            await session.GiveBackAsync(delivery);
        }
    }

    private Task PauseAsync(TimeSpan pause, CancellationToken ct) => Task.Delay(pause < s_longestPause ? pause : s_longestPause, clock, ct);

    [LoggerMessage(LogLevel.Warning, "{Queue} is no longer consumed, and will be again after connecting: {Reason}")]
    private partial void LogLost(string queue, string reason);

    [LoggerMessage(LogLevel.Warning, "{Queue} cannot be consumed; the next try is in {Delay}: {Reason}")]
    private partial void LogCannotConsume(string queue, string reason, TimeSpan delay);

    [LoggerMessage(LogLevel.Warning, "{Queue} holds its messages until the database is there again: {Reason}")]
    private partial void LogDatabaseAway(string queue, string reason);

    [LoggerMessage(LogLevel.Information, "{Queue} failed on a batch of {Count} and cuts it in two: {Reason}")]
    private partial void LogCut(string queue, int count, string reason);

    [LoggerMessage(LogLevel.Error, "{Queue}: the broker did not take message {MessageId} for {Exchange}; it is delivered again: {Reason}")]
    private partial void LogNotForwarded(string queue, string messageId, string exchange, string reason);
}
