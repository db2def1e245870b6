using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;
using Shop.Messaging.RabbitMq;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Operations;

/// <summary>
/// The dead letters of the service's own queues, as its own broker user may see and move them. Both ways out are moves: published
/// mandatory and confirmed, then acknowledged. A crash in between leaves two copies, of which the inbox lets one act; of a discarded one
/// both are kept. One request at a time works on a queue, across all instances: what one holds, another would not see. The broker is in
/// no transaction with the database: a request that moved its message and died before its answer was stored finds nothing to move when
/// it is repeated, and says so.
/// </summary>
internal sealed partial class DeadLetterQueues(
    DbContext db, MessagingSettings settings, BrokerTopology topology, TimeProvider clock, ILogger<DeadLetterQueues> logger) : IDeadLetterQueues
{
    private static readonly TimeSpan s_goodbye = TimeSpan.FromSeconds(1);

    public IEnumerable<string> Queues => topology.Queues.Select(queue => queue.Name).Order(StringComparer.Ordinal);

    public bool Has(string queue) => topology.Queues.Any(own => own.Name == queue);

    /// <summary>The first so many of a queue; they stay.</summary>
    public Task<List<DeadLetter>> ListAsync(string queue, int limit, CancellationToken ct) =>
        ReadAsync(BrokerTopology.DeadLettersOf(queue), queue, limit, ct);

    public Task<List<DeadLetter>> ListDiscardedAsync(int limit, CancellationToken ct) =>
        ReadAsync(topology.DiscardedQueue, topology.DiscardedQueue, limit, ct);

    /// <summary>One of a queue, or of those that were discarded from it; null when there is none of this id.</summary>
    public async Task<DeadLetterContent?> FindAsync(string queue, string id, CancellationToken ct) =>
        await FindAsync(BrokerTopology.DeadLettersOf(queue), queue, id, ct) ?? await FindAsync(topology.DiscardedQueue, queue, id, ct);

    /// <summary>Sends one again, or all that are there now, to their own queue and no other.</summary>
    public Task<Moved> RetryAsync(string queue, string? id, CancellationToken ct) => MoveAsync(
        queue, id, topology.RedeliveryExchange, DeadLetter.ToRetry, message => LogRetried(queue, DeadLetter.IdOf(message)), ct);

    /// <summary>Puts one to the discarded, with the reason; how many have this id.</summary>
    public Task<Moved> DiscardAsync(string queue, string id, string reason, string by, CancellationToken ct) => MoveAsync(
        queue, id, topology.DiscardedQueue,
        message => DeadLetter.ToDiscard(queue, message, new Discard(reason, by, clock.GetUtcNow())),
        message => LogDiscarded(queue, DeadLetter.IdOf(message), Untrusted.Shown(by), Untrusted.Shown(reason)), ct);

    private Task<DeadLetterContent?> FindAsync(string from, string queue, string id, CancellationToken ct) => AtBrokerAsync(from, async (channel, deadline) =>
    {
        while (await channel.BasicGetAsync(from, autoAck: false, deadline.Next()) is { } message)
        {
            if (DeadLetter.IdOf(message) == id && DeadLetterContent.Of(queue, message) is var content && content.Letter.Queue == queue)
            {
                return content; // it goes back when the channel is closed, with those before it
            }
        }

        return null;
    }, ct);

    private Task<List<DeadLetter>> ReadAsync(string from, string queue, int limit, CancellationToken ct) => AtBrokerAsync(from, async (channel, deadline) =>
    {
        List<DeadLetter> letters = [];
        while (letters.Count < limit && await channel.BasicGetAsync(from, autoAck: false, deadline.Next()) is { } message)
        {
            letters.Add(DeadLetter.Of(queue, message)); // they go back when the channel is closed
        }

        return letters;
    }, ct);

    private Task<Moved> MoveAsync(
        string queue, string? id, string exchange, Func<BasicGetResult, BasicProperties> copy, Action<BasicGetResult> report,
        CancellationToken ct) => AtBrokerAsync(BrokerTopology.DeadLettersOf(queue), async (channel, deadline) =>
    {
        // Only as many as there are now: what is sent again and fails at once comes back here.
        var dead = BrokerTopology.DeadLettersOf(queue);
        var waiting = (await channel.QueueDeclarePassiveAsync(dead, deadline.Next())).MessageCount;
        var moved = new Moved(0, 0);
        for (; waiting > 0 && await channel.BasicGetAsync(dead, autoAck: false, deadline.Next()) is { } message; waiting--)
        {
            if (id is not null && DeadLetter.IdOf(message) != id)
            {
                continue;
            }

            try
            {
                // Throws unless it is routed and confirmed. A broker short of memory confirms nothing, and does not say so.
                await channel.BasicPublishAsync(exchange, queue, mandatory: true, copy(message), message.Body, deadline.Next()).AsTask()
                    .WaitAsync(deadline.Token);
                await channel.BasicAckAsync(message.DeliveryTag, multiple: false, deadline.Next());
                report(message);
                moved = moved with { Count = moved.Count + 1 };
            }
            catch (PublishException e)
            {
                LogStays(queue, DeadLetter.IdOf(message), e.Message); // it goes back when the channel is closed; the others go on
                moved = moved with { Left = moved.Left + 1 };
            }
        }

        return moved;
    }, ct);

    /// <summary>One request works on a queue at a time, and none waits for longer than a deadline for any answer of the broker.</summary>
    /// <exception cref="BrokerUnreachableException">The broker is unreachable, or did not answer in time.</exception>
    private async Task<T> AtBrokerAsync<T>(string queue, Func<IChannel, Deadline, Task<T>> work, CancellationToken ct)
    {
        await using var turn = await TakeTurnAsync(queue, ct);
        using var deadline = new Deadline(settings.ConfirmTimeout, ct);
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
                // A broker that takes nothing for now answers no goodbye either.
                await connection.AbortAsync(s_goodbye);
                await connection.DisposeAsync();
            }
        }
    }

    // In the request's transaction where it has one already, which is where it has an Idempotency-Key.
    private async Task<IAsyncDisposable?> TakeTurnAsync(string queue, CancellationToken ct)
    {
        var turn = db.Database.CurrentTransaction is null ? await db.Database.BeginTransactionAsync(ct) : null;
        await db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock(hashtextextended({queue}, 0))", ct);
        return turn;
    }

    private Task<IConnection> ConnectAsync(CancellationToken ct)
    {
        var factory = BrokerConnections.To(settings.Broker, settings.Service + " dead letters");
        factory.AutomaticRecoveryEnabled = false;
        return factory.CreateConnectionAsync(ct);
    }

    [LoggerMessage(LogLevel.Information, "Dead letter {MessageId} of {Queue} is sent again.")]
    private partial void LogRetried(string queue, string messageId);

    [LoggerMessage(LogLevel.Warning, "Dead letter {MessageId} of {Queue} is discarded by {By}: {Reason}")]
    private partial void LogDiscarded(string queue, string messageId, string by, string reason);

    [LoggerMessage(LogLevel.Warning, "Dead letter {MessageId} of {Queue} stays: the broker did not take it: {Reason}")]
    private partial void LogStays(string queue, string messageId, string reason);
}

/// <summary>How many dead letters were moved, and how many had to stay because the broker did not take them.</summary>
public readonly record struct Moved(int Count, int Left);

/// <summary>Cancels when one of several steps takes longer than it may, or when the caller has gone.</summary>
internal sealed class Deadline(TimeSpan each, CancellationToken caller) : IDisposable
{
    private readonly CancellationTokenSource _source = CancellationTokenSource.CreateLinkedTokenSource(caller);

    public CancellationToken Token => _source.Token;

    /// <summary>The token, for a step that begins now.</summary>
    public CancellationToken Next()
    {
        _source.CancelAfter(each);
        return _source.Token;
    }

    public void Dispose() => _source.Dispose();
}
