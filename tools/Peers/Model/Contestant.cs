using RabbitMQ.Client;
using Shop.Benchmarks.Model;

namespace Shop.Peers.Model;

/// <summary>How events are consumed.</summary>
internal enum ConsumerKind
{
    OneByOne,
    Batches,
}

/// <summary>
/// One of the compared: a producer that saves orders with an event each, and a consumer with a database of its own; and how each
/// is filled for a measurement.
/// </summary>
internal abstract class Contestant(string name) : IAsyncDisposable
{
    private IConnection? _connection;
    private IChannel? _channel;

    public string Name => name;

    /// <summary>The producer's.</summary>
    public abstract TestDatabase Database { get; }

    /// <summary>The consumer's.</summary>
    public abstract TestDatabase Effects { get; }

    public abstract TestVirtualHost Broker { get; }

    /// <summary>The producer's table of events.</summary>
    public abstract string Outbox { get; }

    /// <summary>The consumer's table of consumed events.</summary>
    public abstract string Inbox { get; }

    /// <summary>The quorum queue in which events arrive.</summary>
    public abstract string Queue { get; }

    /// <summary>Starts the producer; one that does not send only stores its events.</summary>
    public abstract Task StartProducerAsync(bool sends);

    public abstract Task StopProducerAsync();

    /// <summary>Saves an order of three lines, with an event or without.</summary>
    public abstract Task SaveAsync(int number, bool silent, CancellationToken ct);

    /// <summary>Stores events as a producer leaves them that was ended before it sent any; <paramref name="onCommit"/> comes just before the commit.</summary>
    public abstract Task FillAsync(int count, Action onCommit, CancellationToken ct);

    public abstract Task StartConsumerAsync(ConsumerKind kind);

    public abstract Task StopConsumerAsync();

    /// <summary>From here on messages wait in the queue.</summary>
    public abstract Task HoldConsumerAsync();

    public abstract Task ReleaseConsumerAsync();

    /// <summary>Publishes copies of an event into the consumer's queue, each with an id of its own.</summary>
    public abstract Task FillQueueAsync(int count, CancellationToken ct);

    /// <summary>Waits until the broker knows no consumer of the queue: one that was left would do another process's work.</summary>
    public Task NobodyConsumesAsync(CancellationToken ct) => Eventually.HoldsAsync($"nobody consumes from {Queue}", async () =>
        (await (await ChannelAsync(ct)).QueueDeclarePassiveAsync(Queue, ct)).ConsumerCount == 0, TimeSpan.FromSeconds(20));

    /// <summary>Waits until so many messages are ready in the queue; how many there are.</summary>
    public async Task<int> ArrivedAsync(int count, TimeSpan within, CancellationToken ct)
    {
        var channel = await ChannelAsync(ct);
        var begun = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var ready = (int)(await channel.QueueDeclarePassiveAsync(Queue, ct)).MessageCount;
            if (ready >= count || TimeProvider.System.GetElapsedTime(begun) > within)
            {
                return ready;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(10), ct);
        }
    }

    /// <summary>Empties the producer's table and the queue, for the next round.</summary>
    public async Task ClearProducerAsync()
    {
        await Database.ExecuteAsync($"DELETE FROM {Outbox}");
        await Database.ExecuteAsync($"VACUUM {Outbox}");
        await Broker.PurgeAsync(Queue);
    }

    public virtual async ValueTask DisposeAsync()
    {
        if (_connection is not null)
        {
            await _connection.DisposeAsync();
        }
    }

    protected static BenchOrder Order(int number, bool silent) =>
        BenchOrder.Place($"customer-{number % 100}", silent, TimeProvider.System.GetUtcNow());

    private async Task<IChannel> ChannelAsync(CancellationToken ct)
    {
        _connection ??= await new ConnectionFactory { Uri = Broker.AmqpUri }.CreateConnectionAsync(ct);
        return _channel ??= await _connection.CreateChannelAsync(cancellationToken: ct);
    }
}
