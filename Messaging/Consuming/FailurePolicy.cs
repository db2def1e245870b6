using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Npgsql;
using RabbitMQ.Client;
using Shop.Messaging.DomainEvents;
using Shop.Messaging.RabbitMq;
using Shop.Messaging.Telemetry;
using Shop.Messaging.UnitOfWork;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Consuming;

/// <summary>The copy that replaces a failed message. The message is acknowledged after the broker has confirmed the copy.</summary>
/// <param name="Exchange">The exchange to publish to, mandatory.</param>
/// <param name="RoutingKey">The routing key.</param>
/// <param name="Properties">The copy's properties.</param>
/// <param name="Retry">The number of the retry, from 1; 0 for a dead letter.</param>
internal sealed record FailedMessage(string Exchange, string RoutingKey, BasicProperties Properties, int Retry);

/// <summary>Counts the failed attempts of one delivery or of a batch.</summary>
internal sealed class Failures
{
    /// <summary>How often the database was unavailable.</summary>
    public int Outages { get; set; }

    /// <summary>Concurrency conflicts and lock timeouts.</summary>
    public int Conflicts { get; set; }

    /// <summary>All other failures.</summary>
    public int Others { get; set; }
}

/// <summary>
/// Decides how a failed delivery is settled, for every kind of consumer: it is retried immediately, or waits
/// in the broker for a delayed retry with backoff, or is dead-lettered with the reason. What no retry can fix is dead-lettered
/// immediately.
/// </summary>
internal sealed partial class FailurePolicy(
    BrokerTopology topology, MessagingSettings settings, TimeProvider clock, ILogger<FailurePolicy> logger)
{
    private const int ConflictAttempts = 20;
    private const int MaxReasonLength = 4_000;
    private const int MaxStackTraceLength = 8_000;
    private const int MaxNameLength = 500;

    /// <summary>
    /// The pause before an immediate retry of the same deliveries, which stay unacknowledged; null where there is none: a batch is
    /// split then, and a single delivery is forwarded.
    /// </summary>
    /// <param name="failure">Why the attempt failed.</param>
    /// <param name="failures">The failures so far, which this one is added to.</param>
    /// <param name="alone">Whether it is a single delivery.</param>
    public TimeSpan? ImmediateRetryDelay(Exception failure, Failures failures, bool alone)
    {
        if (Transient.IsDatabaseUnavailable(failure))
        {
            // Not the message's fault: retried until the database is back. If the connection broke during the commit, the inbox detects whether it succeeded.
            return TimeSpan.FromMilliseconds(Math.Min(200 << Math.Min(failures.Outages++, 4), 3_000));
        }

        if ((Transient.IsConflict(failure) || Transient.IsLockTimeout(failure)) && ++failures.Conflicts < ConflictAttempts)
        {
            return TimeSpan.FromMilliseconds(5 << Math.Min(failures.Conflicts, 7));
        }

        return alone && IsWorthRetrying(failure) && ++failures.Others <= settings.ImmediateRetries
            ? TimeSpan.FromMilliseconds(25 * (failures.Others - 1))
            : null;
    }

    /// <summary>Decides between a delayed retry and a dead letter.</summary>
    /// <param name="queue">The queue that it was delivered from.</param>
    /// <param name="original">As it was delivered.</param>
    /// <param name="failure">Why the last attempt failed.</param>
    /// <param name="consumer">The consumer that failed; null where none was called.</param>
    public FailedMessage Decide(string queue, IReadOnlyBasicProperties original, Exception failure, string? consumer)
    {
        var retries = Untrusted.Count(original.Headers, MessageHeaderNames.Retries) ?? 0;
        var properties = MessageCopy.Of(original);
        var retry = retries < topology.RetryDelays.Count && IsWorthRetrying(failure) ? retries + 1 : 0;
        if (retry > 0)
        {
            properties.Headers![MessageHeaderNames.Retries] = retry;
            properties.Expiration = topology.RetryDelays[retries].TotalMilliseconds.ToString("0", CultureInfo.InvariantCulture);
        }
        else
        {
            Explain(properties.Headers!, failure, consumer);
        }

        MessageCopy.Fit(properties, original);
        return retry > 0
            ? new FailedMessage(topology.RetryExchange(retry), queue, properties, retry)
            : new FailedMessage(BrokerTopology.DeadLettersOf(queue), "", properties, 0);
    }

    /// <summary>Counts and logs it; call it after the broker has confirmed the copy.</summary>
    public void Report(string queue, FailedMessage failed, Exception failure, Activity? span)
    {
        if (span is not null)
        {
            MessagingSpans.Settle(span, failed.Retry, ReasonOf(failure).Message);
        }

        var (id, reason) = (Untrusted.Sanitize(failed.Properties.MessageId), Untrusted.Sanitize(ReasonOf(failure).Message));
        if (failed.Retry > 0)
        {
            MessagingTelemetry.RetriedLater.Add(1, new KeyValuePair<string, object?>("consumer", queue));
            LogRetryLater(queue, id, failed.Retry, topology.RetryDelays.Count, topology.RetryDelays[failed.Retry - 1], reason);
        }
        else
        {
            LogDeadLettered(queue, id, reason);
        }
    }

    /// <summary>
    /// Not worth a retry: a malformed message, a broken rule that does not depend on state, and data that the database rejects for its
    /// format.
    /// </summary>
    private static bool IsWorthRetrying(Exception? failure)
    {
        for (; failure is not null; failure = failure.InnerException)
        {
            if (failure is MalformedMessageException or DomainException { Conflict: false } || failure is PostgresException { SqlState: ['2', '2', ..] })
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The exception to report: that of the malformed message, else the innermost one.</summary>
    private static Exception ReasonOf(Exception failure)
    {
        for (var inner = failure; inner is not null; inner = inner.InnerException)
        {
            if (inner is MalformedMessageException)
            {
                return inner;
            }
        }

        return failure.GetBaseException();
    }

    private void Explain(IDictionary<string, object?> headers, Exception failure, string? consumer)
    {
        var reason = ReasonOf(failure);
        headers[MessageHeaderNames.Reason] = "fault";
        headers[MessageHeaderNames.FaultExceptionType] = Untrusted.Sanitize(reason.GetType().FullName, MaxNameLength);
        headers[MessageHeaderNames.FaultMessage] = Untrusted.Sanitize(reason.Message, MaxReasonLength, keepLines: true);
        headers[MessageHeaderNames.FaultStackTrace] = Untrusted.Sanitize(failure.StackTrace, MaxStackTraceLength, keepLines: true);
        headers[MessageHeaderNames.FaultConsumerType] = Untrusted.Sanitize(consumer, MaxNameLength);
        headers[MessageHeaderNames.FaultTimestamp] = clock.GetUtcNow().ToString("O", CultureInfo.InvariantCulture);
    }

    [LoggerMessage(LogLevel.Warning,
        "{Queue} failed to handle message {MessageId}; retry {Retry} of {Retries} in {Delay}: {Reason}")]
    private partial void LogRetryLater(string queue, string messageId, int retry, int retries, TimeSpan delay, string reason);

    [LoggerMessage(LogLevel.Error, "{Queue} dead-lettered message {MessageId}: {Reason}")]
    private partial void LogDeadLettered(string queue, string messageId, string reason);
}
