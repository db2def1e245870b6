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

/// <summary>The copy that takes a failed message's place. The message is acknowledged once the broker has confirmed it.</summary>
/// <param name="Exchange">Where it is published, mandatory.</param>
/// <param name="RoutingKey">With this key.</param>
/// <param name="Properties">What it says of itself.</param>
/// <param name="Retry">Which retry it waits for, from 1; 0 where it is a dead letter.</param>
internal sealed record FailedMessage(string Exchange, string RoutingKey, BasicProperties Properties, int Retry);

/// <summary>What has failed so far, of one delivery or of several together, without any of them being given up.</summary>
internal sealed class Failures
{
    /// <summary>Times that the database was unavailable.</summary>
    public int Outages { get; set; }

    /// <summary>Concurrency conflicts, and locks that were waited for in vain.</summary>
    public int Conflicts { get; set; }

    /// <summary>Whatever else failed.</summary>
    public int Others { get; set; }
}

/// <summary>
/// Decides what becomes of a message that its consumer could not handle, for every kind of consumer: it is retried at once, or waits
/// in the broker for its next retry, each time longer, or it is dead-lettered with the reason. What no retry can mend is dead-lettered
/// at once.
/// </summary>
internal sealed partial class FailurePolicy(
    BrokerTopology topology, MessagingSettings settings, TimeProvider clock, ILogger<FailurePolicy> logger)
{
    private const int ConflictAttempts = 20;
    private const int LongestReason = 4_000;
    private const int LongestStackTrace = 8_000;
    private const int LongestName = 500;

    /// <summary>
    /// After which pause the same deliveries are tried again while they are held here; null where that is over, and several of them are
    /// cut in two, and one goes another way.
    /// </summary>
    /// <param name="failure">Why they were not handled.</param>
    /// <param name="failures">What failed before, to which this is added.</param>
    /// <param name="alone">Whether it is one delivery: only that can be at fault itself.</param>
    public TimeSpan? RetryNow(Exception failure, Failures failures, bool alone)
    {
        if (Transient.IsDatabaseAway(failure))
        {
            // No fault of a message: held however long it takes. If it was the commit that was cut off, the inbox knows what became of it.
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

    /// <summary>What becomes of a message that is not retried at once any more.</summary>
    /// <param name="queue">The queue that it was delivered from.</param>
    /// <param name="original">As it was delivered.</param>
    /// <param name="failure">Why it was not handled.</param>
    /// <param name="consumer">Which consumer failed; null where it came to none.</param>
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

    /// <summary>To be called when the broker has the copy. The span is the message's, where one is recorded.</summary>
    public void Report(string queue, FailedMessage failed, Exception failure, Activity? span)
    {
        if (span is not null)
        {
            MessagingSpans.Settle(span, failed.Retry, ReasonOf(failure).Message);
        }

        var (id, reason) = (Untrusted.Shown(failed.Properties.MessageId), Untrusted.Shown(ReasonOf(failure).Message));
        if (failed.Retry > 0)
        {
            MessagingTelemetry.RetriedLater.Add(1, new KeyValuePair<string, object?>("consumer", queue));
            LogRetryLater(queue, id, failed.Retry, topology.RetryDelays.Count, topology.RetryDelays[failed.Retry - 1], reason);
        }
        else
        {
            LogDead(queue, id, reason);
        }
    }

    /// <summary>
    /// A message that cannot be read, a rule that says no in every state, and data that the database refuses for its form: none of them
    /// gets better by waiting.
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

    /// <summary>A malformed message says it itself; of anything else, the innermost exception tells most.</summary>
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
        headers[MessageHeaderNames.FaultExceptionType] = Untrusted.Shown(reason.GetType().FullName, LongestName);
        headers[MessageHeaderNames.FaultMessage] = Untrusted.Shown(reason.Message, LongestReason, keepLines: true);
        headers[MessageHeaderNames.FaultStackTrace] = Untrusted.Shown(failure.StackTrace, LongestStackTrace, keepLines: true);
        headers[MessageHeaderNames.FaultConsumerType] = Untrusted.Shown(consumer, LongestName);
        headers[MessageHeaderNames.FaultTimestamp] = clock.GetUtcNow().ToString("O", CultureInfo.InvariantCulture);
    }

    [LoggerMessage(LogLevel.Warning,
        "{Queue} could not handle message {MessageId}; retry {Retry} of {Retries} follows in {Delay}: {Reason}")]
    private partial void LogRetryLater(string queue, string messageId, int retry, int retries, TimeSpan delay, string reason);

    [LoggerMessage(LogLevel.Error, "{Queue} dead-lettered message {MessageId}: {Reason}")]
    private partial void LogDead(string queue, string messageId, string reason);
}
