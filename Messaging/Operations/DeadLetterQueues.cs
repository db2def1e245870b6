using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;
using Shop.Messaging.RabbitMq;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Operations;

/// <summary>
/// The dead letters of the service's queues, read and moved with its own broker user. Retry and discard are moves: published
/// mandatory and confirmed, then acknowledged. A crash in between leaves two copies: the inbox ignores the duplicate; of a discarded message
/// both are kept. A lock allows one request per queue at a time, across all instances: unacknowledged messages are invisible to others. The broker is
/// not part of the database transaction: a request that moved its message and crashed before its response was stored finds nothing to move when
/// it is repeated, and reports zero.
/// </summary>
internal sealed partial class DeadLetterQueues(
    DbContext db, MessagingSettings settings, BrokerTopology topology, AuditTrail audit, TimeProvider clock, ILogger<DeadLetterQueues> logger) : IDeadLetterQueues
{
    private static readonly TimeSpan s_closeTimeout = TimeSpan.FromSeconds(1);

    public IEnumerable<string> Queues => topology.Queues.Select(queue => queue.Name).Order(StringComparer.Ordinal);

    public bool Has(string queue) => topology.Queues.Any(own => own.Name == queue);

    /// <inheritdoc />
    public Task<List<DeadLetter>> ListAsync(string queue, int limit, CancellationToken ct) =>
        ReadAsync(BrokerTopology.DeadLettersOf(queue), queue, limit, ct);

    /// <inheritdoc />
    public async Task<DeadLetterGroups> GroupAsync(int limit, CancellationToken ct)
    {
        List<DeadLetter> letters = [];
        var truncated = false;
        foreach (var queue in Queues)
        {
            var read = await ListAsync(queue, limit + 1, ct);
            truncated |= read.Count > limit;
            letters.AddRange(read.Take(limit));
        }

        return new DeadLetterGroups([.. letters.GroupBy(letter => letter.Group).Select(GroupOf).OrderByDescending(group => group.Count)], truncated);
    }

    public Task<List<DeadLetter>> ListDiscardedAsync(int limit, CancellationToken ct) =>
        ReadAsync(topology.DiscardedQueue, topology.DiscardedQueue, limit, ct);

    /// <inheritdoc />
    public async Task<DeadLetterContent?> FindAsync(string queue, string id, CancellationToken ct) =>
        await FindAsync(BrokerTopology.DeadLettersOf(queue), queue, id, ct) ?? await FindAsync(topology.DiscardedQueue, queue, id, ct);

    /// <inheritdoc />
    public Task<Moved> RetryAsync(string queue, string? id, CancellationToken ct) => MoveAsync(
        queue, new Selection(id), topology.RedeliveryExchange, DeadLetter.ToRetry, message => LogRetried(queue, DeadLetter.IdOf(message)), record: null, ct);

    /// <inheritdoc />
    public Task<Moved> DiscardAsync(string queue, string id, string reason, string by, CancellationToken ct) =>
        DiscardAsync(queue, new Selection(id), reason, by, job: null, ct);

    /// <summary>Retries those that are selected.</summary>
    internal Task<Moved> RetryAsync(string queue, Selection selection, CancellationToken ct) => MoveAsync(
        queue, selection, topology.RedeliveryExchange, DeadLetter.ToRetry, message => LogRetried(queue, DeadLetter.IdOf(message)), record: null, ct);

    /// <summary>Discards those that are selected. The audit trail has each.</summary>
    internal Task<Moved> DiscardAsync(string queue, Selection selection, string reason, string by, Guid? job, CancellationToken ct) => MoveAsync(
        queue, selection, topology.DiscardedQueue,
        message => DeadLetter.ToDiscard(queue, message, new Discard(reason, by, clock.GetUtcNow())),
        message => LogDiscarded(queue, DeadLetter.IdOf(message), Untrusted.Sanitize(by), Untrusted.Sanitize(reason)),
        (message, moveAsync) => audit.RecordAsync(by, AuditTrail.DiscardDeadLetter, DeadLetter.Of(queue, message).Target, reason, moveAsync, job, ct), ct);

    private Task<DeadLetterContent?> FindAsync(string from, string queue, string id, CancellationToken ct) => AtBrokerAsync(from, async (channel, deadline) =>
    {
        while (await channel.BasicGetAsync(from, autoAck: false, deadline.Next()) is { } message)
        {
            ThrowIfOver(deadline, queue);
            if (DeadLetter.IdOf(message) == id && DeadLetterContent.Of(queue, message) is var content && content.Letter.Queue == queue)
            {
                return content; // closing the channel requeues it, with those before it
            }
        }

        return null;
    }, ct);

    private Task<List<DeadLetter>> ReadAsync(string from, string queue, int limit, CancellationToken ct) => AtBrokerAsync(from, async (channel, deadline) =>
    {
        List<DeadLetter> letters = [];
        while (letters.Count < limit && !deadline.IsOver && await channel.BasicGetAsync(from, autoAck: false, deadline.Next()) is { } message)
        {
            letters.Add(DeadLetter.Of(queue, message)); // closing the channel requeues them
        }

        return letters;
    }, ct);

    private static DeadLetterGroup GroupOf(IGrouping<string, DeadLetter> group)
    {
        var one = group.First();
        return new DeadLetterGroup(group.Key, one.Queue, one.EventType, one.Exception, one.Frame, one.Why, group.Count(),
            group.Min(letter => letter.FirstDeath), group.Max(letter => letter.FirstDeath), one.Id);
    }

    private Task<Moved> MoveAsync(
        string queue, Selection selection, string exchange, Func<BasicGetResult, BasicProperties> copy, Action<BasicGetResult> report,
        Func<BasicGetResult, Func<Task<Moved>>, Task<Moved>>? record, CancellationToken ct) => AtBrokerAsync(BrokerTopology.DeadLettersOf(queue), async (channel, deadline) =>
    {
        // Only as many as there are now: a retried message that fails immediately is dead-lettered here again.
        var dead = BrokerTopology.DeadLettersOf(queue);
        var waiting = (await channel.QueueDeclarePassiveAsync(dead, deadline.Next())).MessageCount;
        var moved = new Moved(0, 0);
        for (; waiting > 0 && moved.Count < selection.AtMost && !deadline.IsOver
            && await channel.BasicGetAsync(dead, autoAck: false, deadline.Next()) is { } message; waiting--)
        {
            if (!selection.Selects(queue, message))
            {
                continue;
            }

            Task<Moved> MoveAsync() => MoveOneAsync(channel, deadline, queue, exchange, copy, message);
            var one = record is null ? await MoveAsync() : await record(message, MoveAsync);
            if (one.Count > 0)
            {
                report(message);
                selection.Moved(queue, message);
            }

            moved = new Moved(moved.Count + one.Count, moved.Left + one.Left);
        }

        if (selection.IsAll)
        {
            return moved with { Left = moved.Left + (int)waiting };
        }

        if (moved.Count + moved.Left == 0)
        {
            ThrowIfOver(deadline, queue);
        }

        return moved;
    }, ct);

    private async Task<Moved> MoveOneAsync(
        IChannel channel, Deadline deadline, string queue, string exchange, Func<BasicGetResult, BasicProperties> copy, BasicGetResult message)
    {
        try
        {
            // Throws unless it is routed and confirmed. A blocked broker confirms nothing and reports nothing, hence the deadline.
            await channel.BasicPublishAsync(exchange, queue, mandatory: true, copy(message), message.Body, deadline.Next()).AsTask()
                .WaitAsync(deadline.Token);
            await channel.BasicAckAsync(message.DeliveryTag, multiple: false, deadline.Next());
            return new Moved(1, 0);
        }
        catch (PublishException e)
        {
            LogStays(queue, DeadLetter.IdOf(message), e.Message); // closing the channel requeues it; the others go on
            return new Moved(0, 1);
        }
    }

    private void ThrowIfOver(Deadline deadline, string queue)
    {
        if (deadline.IsOver)
        {
            throw new BrokerUnreachableException(new TimeoutException(
                $"The dead letters of {queue} could not be searched within {settings.ConfirmTimeout}: retry or discard the first ones."));
        }
    }

    /// <summary>Runs one request per queue at a time, with a deadline for each reply of the broker.</summary>
    /// <exception cref="BrokerUnreachableException">The broker is unreachable, or did not answer in time.</exception>
    private async Task<T> AtBrokerAsync<T>(string queue, Func<IChannel, Deadline, Task<T>> work, CancellationToken ct)
    {
        await using var queueLock = await LockQueueAsync(queue, ct);
        using var deadline = new Deadline(settings.ConfirmTimeout, clock, ct);
        IConnection? connection = null;
        try
        {
            connection = await ConnectAsync(deadline.Next());
            var channel = await connection.CreateChannelAsync(
                new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true), deadline.Next());
            return await work(channel, deadline);
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw new BrokerUnreachableException(new TimeoutException($"The broker did not answer within {settings.ConfirmTimeout}.", e));
        }
        finally
        {
            if (connection is not null)
            {
                // A blocked broker does not answer the close either.
                await connection.AbortAsync(s_closeTimeout);
                await connection.DisposeAsync();
            }
        }
    }

    // In the request's transaction where there is one: a request with an Idempotency-Key.
    private async Task<IAsyncDisposable?> LockQueueAsync(string queue, CancellationToken ct)
    {
        var queueLock = db.Database.CurrentTransaction is null ? await db.Database.BeginTransactionAsync(ct) : null;
        await db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock(hashtextextended({queue}, 0))", ct);
        return queueLock;
    }

    private Task<IConnection> ConnectAsync(CancellationToken ct)
    {
        var factory = BrokerConnections.To(settings.Broker, settings.Service + " dead letters");
        factory.AutomaticRecoveryEnabled = false;
        return factory.CreateConnectionAsync(ct);
    }

    [LoggerMessage(LogLevel.Information, "Dead letter {MessageId} of {Queue} retried")]
    private partial void LogRetried(string queue, string messageId);

    [LoggerMessage(LogLevel.Warning, "Dead letter {MessageId} of {Queue} discarded by {By}: {Reason}")]
    private partial void LogDiscarded(string queue, string messageId, string by, string reason);

    [LoggerMessage(LogLevel.Warning, "Dead letter {MessageId} of {Queue} not moved, rejected by the broker: {Reason}")]
    private partial void LogStays(string queue, string messageId, string reason);
}

/// <summary>Which dead letters are moved: one, or all.</summary>
internal class Selection(string? id)
{
    /// <summary>Whether no message is passed over.</summary>
    public virtual bool IsAll => id is null;

    /// <summary>How many at most.</summary>
    public virtual int AtMost => int.MaxValue;

    public virtual bool Selects(string queue, BasicGetResult message) => id is null || DeadLetter.IdOf(message) == id;

    /// <summary>Called after it was moved.</summary>
    public virtual void Moved(string queue, BasicGetResult message)
    {
    }
}

/// <summary>How many dead letters were moved, and how many were left: the broker rejected them, or there was no time for them.</summary>
public readonly record struct Moved(int Count, int Left);

/// <summary>Cancels when a step exceeds its time limit, or when the caller cancels. All steps together should end within the same limit.</summary>
internal sealed class Deadline(TimeSpan limit, TimeProvider clock, CancellationToken caller) : IDisposable
{
    private readonly long _begun = clock.GetTimestamp();
    private readonly CancellationTokenSource _source = CancellationTokenSource.CreateLinkedTokenSource(caller);

    public CancellationToken Token => _source.Token;

    /// <summary>Whether all steps so far have used up the limit: no further one should begin.</summary>
    public bool IsOver => clock.GetElapsedTime(_begun) >= limit;

    /// <summary>Restarts the time limit for the next step and returns the token.</summary>
    public CancellationToken Next()
    {
        _source.CancelAfter(limit);
        return _source.Token;
    }

    public void Dispose() => _source.Dispose();
}
