using Npgsql;
using Shop.Messaging.Consuming;
using Shop.Messaging.RabbitMq;
using Shop.Messaging.Relay;

namespace Shop.Messaging.Operations;

/// <inheritdoc />
/// <remarks>Read at most once a second, whoever asks: a page that refreshes costs one statement and a few frames to the broker.</remarks>
internal sealed class OperationsReport(
    MessagingSettings settings, BrokerTopology topology, QueueDepths depths, ConsumerActivity activity, ConsumerProgress progress,
    TimeProvider clock, RecentlyPublished? published = null, ILogBacklog? log = null) : IOperationsReport, IDisposable
{
    private const int MaxWaiting = 10_000;
    private static readonly TimeSpan s_age = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(2);

    private readonly SemaphoreSlim _one = new(1, 1);
    private OperationsView? _last;
    private long _readAt;

    public async Task<OperationsView> ReadAsync(CancellationToken ct)
    {
        await _one.WaitAsync(ct);
        try
        {
            if (_last is null || clock.GetElapsedTime(_readAt) >= s_age)
            {
                _last = await ReadNowAsync(ct);
                _readAt = clock.GetTimestamp();
            }

            return _last;
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();

    private async Task<OperationsView> ReadNowAsync(CancellationToken ct)
    {
        var database = OutcomeAsync(timeout => OutboxBacklog.ReadAsync(settings.Database, timeout, MaxWaiting), ct);
        var broker = OutcomeAsync(depths.ReadAsync, ct);
        var (backlog, databaseError) = await database;
        var (found, brokerError) = await broker;
        var queues = topology.Queues.Select(queue => StateOf(queue.Name, found)).OrderBy(queue => queue.Queue, StringComparer.Ordinal).ToList();
        return new OperationsView(
            settings.Service, RecentlyPublished.Instance, activity.Since, clock.GetUtcNow(),
            backlog is null ? null : new OutboxState(backlog.Length, backlog.Oldest, backlog.Parked, backlog.ParkedSince, log?.Bytes),
            Relay(), queues,
            found is null ? null : topology.RetryExchanges.Sum(queue => found.GetValueOrDefault(queue).Ready),
            found?.GetValueOrDefault(topology.DiscardedQueue).Ready,
            queues.Sum(queue => queue.Duplicates), LastError(), databaseError, brokerError);
    }

    private static async Task<(T? Value, string? Error)> OutcomeAsync<T>(Func<CancellationToken, Task<T>> read, CancellationToken ct)
        where T : class
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(ct);
        timeout.CancelAfter(s_timeout);
        try
        {
            return (await read(timeout.Token), null);
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            return (null, e is OperationCanceledException ? $"no answer within {s_timeout.TotalSeconds:0} s"
                : Wire.Untrusted.Sanitize(e is NpgsqlException ? e.Message : e.GetBaseException().Message));
        }
    }

    private QueueState StateOf(string queue, IReadOnlyDictionary<string, QueueDepth>? found)
    {
        QueueDepth? depth = found?.TryGetValue(queue, out var known) == true ? known : null;
        var done = activity.Of(queue);
        return new QueueState(
            queue, depth?.Ready, depth?.Consumers, found?.TryGetValue(BrokerTopology.DeadLettersOf(queue), out var dead) == true ? dead.Ready : null,
            done.Processing, done.Consumed, done.Duplicates, done.RetriedLater, done.DeadLettered, done.LastSettledAt, done.SettledUpTo,
            progress.StalledReason(queue));
    }

    private RelayState? Relay()
    {
        if (published is null)
        {
            return null;
        }

        var (perSecond, lastAt) = published.Rate();
        return new RelayState(log is null ? "polling" : "logTailing", published.Read(0).Count, perSecond, lastAt);
    }

    private LastFailure? LastError() =>
        published?.LastFailure is { } relay && (activity.LastFailure is not { } consumer || relay.At > consumer.At)
            ? new LastFailure(relay.At, "relay", Wire.Untrusted.Sanitize(relay.Error, 1_000))
            : activity.LastFailure;
}
