using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using RabbitMQ.Client;
using Shop.ServiceDefaults.Messaging.Broker;

namespace Shop.ServiceDefaults.Messaging.DeadLetters;

/// <summary>
/// The dead letters of the service's own queues, as its own broker user may see and move them. Both ways out are moves: published
/// mandatory and confirmed, then acknowledged. A crash in between leaves two copies, of which the inbox lets one act. One request
/// at a time works on a queue, across all instances: what one holds, another would not see.
/// </summary>
internal sealed partial class DeadLetterQueues(
    DbContext db, MessagingSettings settings, BrokerTopology topology, TimeProvider clock, ILogger<DeadLetterQueues> logger)
{
    public IEnumerable<string> Queues => topology.Queues.Select(queue => queue.Name).Order(StringComparer.Ordinal);

    public bool Has(string queue) => topology.Queues.Any(own => own.Name == queue);

    /// <summary>The first so many of a queue; they stay.</summary>
    public Task<List<DeadLetter>> ListAsync(string queue, int limit, CancellationToken ct) =>
        ReadAsync(BrokerTopology.DeadLettersOf(queue), queue, limit, ct);

    public Task<List<DeadLetter>> ListDiscardedAsync(int limit, CancellationToken ct) =>
        ReadAsync(topology.DiscardedQueue, topology.DiscardedQueue, limit, ct);

    /// <summary>One of a queue, or of those that were discarded from it; null when there is none of this id.</summary>
    public async Task<DeadLetterContent?> FindAsync(string queue, string id, CancellationToken ct)
    {
        foreach (var from in (string[])[BrokerTopology.DeadLettersOf(queue), topology.DiscardedQueue])
        {
            await using var turn = await TakeTurnAsync(from, ct);
            await using var connection = await ConnectAsync(ct);
            await using var channel = await connection.CreateChannelAsync(cancellationToken: ct);
            while (await channel.BasicGetAsync(from, autoAck: false, ct) is { } message)
            {
                if (DeadLetter.IdOf(message) == id && DeadLetterContent.Of(queue, message) is var content && content.Letter.Queue == queue)
                {
                    return content; // it goes back when the channel is closed, with those before it
                }
            }
        }

        return null;
    }

    /// <summary>Sends one again, or all that are there now, to their own queue and no other; how many.</summary>
    public Task<int> RetryAsync(string queue, string? id, CancellationToken ct) => MoveAsync(queue, id, message =>
    {
        LogRetried(queue, DeadLetter.IdOf(message));
        return (topology.RedeliveryExchange, DeadLetter.ToRetry(message));
    }, ct);

    /// <summary>Puts one to the discarded, with the reason; how many have this id.</summary>
    public Task<int> DiscardAsync(string queue, string id, string reason, string by, CancellationToken ct) => MoveAsync(queue, id, message =>
    {
        LogDiscarded(queue, DeadLetter.IdOf(message), by, reason);
        return (topology.DiscardedQueue, DeadLetter.ToDiscard(queue, message, new Discard(reason, by, clock.GetUtcNow())));
    }, ct);

    private async Task<List<DeadLetter>> ReadAsync(string from, string queue, int limit, CancellationToken ct)
    {
        await using var turn = await TakeTurnAsync(from, ct);
        await using var connection = await ConnectAsync(ct);
        await using var channel = await connection.CreateChannelAsync(cancellationToken: ct);
        List<DeadLetter> letters = [];
        while (letters.Count < limit && await channel.BasicGetAsync(from, autoAck: false, ct) is { } message)
        {
            letters.Add(DeadLetter.Of(queue, message)); // they go back when the channel is closed
        }

        return letters;
    }

    private async Task<int> MoveAsync(
        string queue, string? id, Func<BasicGetResult, (string Exchange, BasicProperties Properties)> where, CancellationToken ct)
    {
        var dead = BrokerTopology.DeadLettersOf(queue);
        await using var turn = await TakeTurnAsync(dead, ct);
        await using var connection = await ConnectAsync(ct);
        await using var channel = await connection.CreateChannelAsync(
            new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true), ct);

        // Only as many as there are now: what is sent again and fails at once comes back here.
        var left = (await channel.QueueDeclarePassiveAsync(dead, ct)).MessageCount;
        var moved = 0;
        for (; left > 0 && await channel.BasicGetAsync(dead, autoAck: false, ct) is { } message; left--)
        {
            if (id is not null && DeadLetter.IdOf(message) != id)
            {
                continue;
            }

            var (exchange, properties) = where(message);
            await channel.BasicPublishAsync(exchange, queue, mandatory: true, properties, message.Body, ct); // throws unless routed and confirmed
            await channel.BasicAckAsync(message.DeliveryTag, multiple: false, ct);
            moved++;
        }

        return moved;
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
}
