using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Shop.Messaging.Inbox;
using Shop.Messaging.Telemetry;
using Shop.Messaging.UnitOfWork;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Consuming;

/// <summary>
/// Processes every delivery, whatever the transport: one transaction with its inbox row, in its trace, acknowledged after the commit.
/// A failed delivery is retried, forwarded for a delayed retry or dead-lettered, as the <see cref="FailurePolicy"/> decides.
/// A batch is one transaction; where that fails, the batch is split in two until the failing message is alone.
/// </summary>
internal sealed partial class Pump(
    FailurePolicy policy, ConsumerProgress progress, ConsumerActivity activity, MessagingSpans spans, IServiceScopeFactory scopes, TimeProvider clock, ILogger<Pump> logger)
{
    private static readonly TimeSpan s_requeuePause = TimeSpan.FromSeconds(1);

    /// <summary>Returns when each delivery is settled: after its commit, or after a copy of it was forwarded.</summary>
    public async Task SettleAsync(IPumpSource source, List<Delivery> deliveries, CancellationToken giveUp)
    {
        var queue = source.Subscription.Queue.Name;
        var isSettled = false;
        activity.Received(queue, deliveries);
        try
        {
            await SettleAllAsync(source, deliveries, giveUp);
            isSettled = true;
        }
        finally
        {
            activity.Settled(queue, deliveries.Count, deliveries[^1].PublishedAt, isSettled);
        }
    }

    private async Task SettleAllAsync(IPumpSource source, List<Delivery> deliveries, CancellationToken giveUp)
    {
        foreach (var malformed in deliveries.Where(delivery => delivery.Malformed is not null))
        {
            using var span = spans.ProcessUnread(malformed.Properties, source.Subscription.Queue.Name, malformed.Malformed!);
            await ForwardAsync(source, malformed, malformed.Malformed!, span, giveUp);
        }

        var readable = deliveries.FindAll(delivery => delivery.Malformed is null);
        if (readable.Count > 0)
        {
            await ProcessAsync(source, readable, giveUp);
        }

        await source.AcknowledgeAsync(deliveries[^1]);
        progress.Settled(source.Subscription.Queue.Name);
    }

    private async Task ProcessAsync(IPumpSource source, List<Delivery> part, CancellationToken giveUp)
    {
        var queue = source.Subscription.Queue.Name;
        for (var failures = new Failures(); ;)
        {
            giveUp.ThrowIfCancellationRequested();
            using var span = DeliverySpans.Start(spans, queue, part);
            try
            {
                await AttemptAsync(source, part, span);
                break;
            }
            catch (Exception e) when (policy.ImmediateRetryDelay(e, failures, alone: part.Count == 1) is { } pause)
            {
                ReportRetry(queue, part.Count, failures, pause, e);
                await Task.Delay(pause, clock, giveUp);
            }
            catch (Exception e) when (part.Count > 1)
            {
                LogCut(queue, part.Count, e.Message);
                await ProcessAsync(source, part[..(part.Count / 2)], giveUp);
                await ProcessAsync(source, part[(part.Count / 2)..], giveUp);
                return;
            }
            catch (Exception e)
            {
                await ForwardAsync(source, part[0], e, span.Activity, giveUp);
                break;
            }
        }

        await source.AcknowledgeAsync(part[^1]);
    }

    private void ReportRetry(string queue, int count, Failures failures, TimeSpan pause, Exception failure)
    {
        var isUnavailable = Transient.IsDatabaseUnavailable(failure);
        if (isUnavailable)
        {
            activity.Failed(queue, failure); // a conflict is no failure: the next attempt has fresh data
        }

        // Every delivery that waits comes here: each warns at first and then about once a minute.
        LogRetry(isUnavailable && failures.Outages % 20 == 1 ? LogLevel.Warning : LogLevel.Debug, queue, count, pause, failure.Message);
    }

    private async Task AttemptAsync(IPumpSource source, List<Delivery> part, DeliverySpans span)
    {
        var queue = source.Subscription.Queue.Name;
        var start = clock.GetTimestamp();
        part.ForEach(delivery => delivery.Attempts++);
        try
        {
            var processed = await ProcessOnceAsync(source, part, span);
            var tag = new KeyValuePair<string, object?>("consumer", queue);
            MessagingTelemetry.ProcessDuration.Record(clock.GetElapsedTime(start).TotalSeconds, MessagingTelemetry.ProcessedFrom(queue));
            MessagingTelemetry.Consumed.Add(processed, tag);
            activity.Consumed(queue, processed);
            MessagingTelemetry.BatchSize.Record(part.Count, tag);
            if (processed < part.Count)
            {
                MessagingTelemetry.Deduplicated.Add(part.Count - processed, tag);
            }
        }
        catch (Exception e)
        {
            span.Fail(e);
            MessagingTelemetry.ProcessDuration.Record(clock.GetElapsedTime(start).TotalSeconds, MessagingTelemetry.ProcessedFrom(queue, e));
            throw;
        }
    }

    /// <summary>One attempt in its own scope. Where it throws, the transaction is rolled back.</summary>
    private async Task<int> ProcessOnceAsync(IPumpSource source, List<Delivery> part, DeliverySpans span)
    {
        await using var scope = scopes.CreateAsyncScope();
        var services = scope.ServiceProvider;
        var (db, unitOfWork) = (services.GetRequiredService<DbContext>(), services.GetRequiredService<CommitProtocol>());
        var causation = new CausationContext(db, unitOfWork, services.GetRequiredService<MessageOrigin>(), span);
        await using var work = new InboxUnitOfWork(
            db, unitOfWork, clock, [.. part.Select(delivery => delivery.Facts)], rowsFirst: source.InboxRowsFirst(part[0]));

        // Not cancellable: finishing the attempt is cheaper than repeating it.
        Guid[] ids = [.. part.Select(delivery => delivery.EventId)];
        var queue = source.Subscription.Queue.Name;
        var processed = await InboxProtocol.ProcessOnceAsync(work, ids, queue, async unprocessed =>
        {
            // Each id is removed when it is matched, so a duplicate within the batch does not match.
            var events = part.FindAll(delivery => unprocessed.Remove(delivery.EventId));
            foreach (var duplicate in events.Count == part.Count ? [] : part.Except(events))
            {
                span.MarkDuplicate(duplicate);
                activity.Duplicate(queue, duplicate.EventId);
            }

            await source.ConsumeAsync(scope, events, causation);
        }, CancellationToken.None);
        if (processed == 0)
        {
            part.ForEach(delivery =>
            {
                span.MarkDuplicate(delivery);
                activity.Duplicate(queue, delivery.EventId);
            });
        }

        return processed;
    }

    /// <summary>Publishes a copy to the retry queue or to the dead letters, and waits for the confirm.</summary>
    private async Task ForwardAsync(IPumpSource source, Delivery delivery, Exception failure, Activity? span, CancellationToken giveUp)
    {
        var (queue, consumer) = (source.Subscription.Queue.Name, source.Subscription.Consumer);
        var failed = policy.Decide(queue, delivery.Properties, failure, consumer);
        try
        {
            await source.ForwardAsync(failed, delivery, giveUp);
            policy.Report(queue, failed, failure, span);
            activity.Forwarded(queue, isRetry: failed.Retry > 0, failure);
        }
        catch (Exception e) when (source.IsRefusal(e))
        {
            // Requeued after a pause: an immediate redelivery would loop.
            LogNotForwarded(queue, Untrusted.Sanitize(delivery.Properties.MessageId), failed.Exchange, e.Message);
            await Task.Delay(s_requeuePause, clock, giveUp);
            await source.RequeueAsync(delivery, e);
        }
    }

    [LoggerMessage("{Queue} retries {Count} messages in {Pause}: {Reason}")]
    private partial void LogRetry(LogLevel level, string queue, int count, TimeSpan pause, string reason);

    [LoggerMessage(LogLevel.Information, "{Queue} failed on a batch of {Count} and splits it: {Reason}")]
    private partial void LogCut(string queue, int count, string reason);

    [LoggerMessage(LogLevel.Error, "{Queue} requeued message {MessageId}, which the broker did not accept for {Exchange}: {Reason}")]
    private partial void LogNotForwarded(string queue, string messageId, string exchange, string reason);
}
