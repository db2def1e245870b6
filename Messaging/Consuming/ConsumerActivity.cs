using System.Collections.Concurrent;
using Shop.Messaging.Telemetry;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Consuming;

/// <summary>What this process has done with the deliveries of one queue since it started.</summary>
/// <param name="Processing">Delivered and not settled yet.</param>
/// <param name="Consumed">Events whose effects were committed.</param>
/// <param name="Duplicates">Acknowledged without being processed again.</param>
/// <param name="RetriedLater">Failed, and forwarded for a delayed retry.</param>
/// <param name="DeadLettered">Failed for good.</param>
/// <param name="LastSettledAt">When the last one was settled.</param>
/// <param name="SettledUpTo">The publish time of the newest settled one; null where no publisher set it.</param>
internal readonly record struct QueueActivity(
    long Processing, long Consumed, long Duplicates, long RetriedLater, long DeadLettered, DateTimeOffset? LastSettledAt, DateTimeOffset? SettledUpTo);

/// <summary>A failure, for the overview.</summary>
/// <param name="At">When.</param>
/// <param name="Where">A queue, or what else failed.</param>
/// <param name="Error">The exception's type and message, or the broker's reason.</param>
public sealed record LastFailure(DateTimeOffset At, string Where, string Error);

/// <summary>A duplicate that was acknowledged without being processed.</summary>
public sealed record AbsorbedDuplicate(Guid EventId, string Queue, DateTimeOffset At);

/// <summary>Counts what this process does with its deliveries. In memory only, and bounded: it ends with the process.</summary>
internal sealed class ConsumerActivity(TimeProvider clock)
{
    private const int MaxDuplicates = 1_000;

    private readonly ConcurrentDictionary<string, Counts> _queues = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<AbsorbedDuplicate> _duplicates = new();

    public DateTimeOffset Since { get; } = clock.GetUtcNow();

    /// <summary>The last failure: a message that is retried later or dead-lettered, or an unreachable database.</summary>
    public LastFailure? LastFailure { get; private set; }

    public QueueActivity Of(string queue) => _queues.TryGetValue(queue, out var counts) ? counts.Read() : default;

    /// <summary>The last duplicates of these events.</summary>
    public IReadOnlyList<AbsorbedDuplicate> DuplicatesOf(IReadOnlySet<Guid> events) => [.. _duplicates.Where(one => events.Contains(one.EventId))];

    /// <summary>How many events of each type were received.</summary>
    public EventCounts Traffic { get; } = new();

    public void Received(string queue, IReadOnlyList<Delivery> deliveries)
    {
        CountsOf(queue).Add(processing: deliveries.Count);
        var now = clock.GetUtcNow();
        foreach (var delivery in deliveries)
        {
            delivery.ReceivedAt = now;
            if (delivery.Malformed is null)
            {
                Traffic.Add(delivery.PublishedAs, queue);
            }
        }
    }

    public void Consumed(string queue, int count) => CountsOf(queue).Add(consumed: count);

    public void Duplicate(string queue, Guid eventId)
    {
        CountsOf(queue).Add(duplicates: 1);
        _duplicates.Enqueue(new AbsorbedDuplicate(eventId, queue, clock.GetUtcNow()));
        while (_duplicates.Count > MaxDuplicates && _duplicates.TryDequeue(out _))
        {
        }
    }

    public void Failed(string queue, Exception failure) => LastFailure = new LastFailure(clock.GetUtcNow(), queue, Described(failure));

    public void Forwarded(string queue, bool isRetry, Exception failure)
    {
        CountsOf(queue).Add(retriedLater: isRetry ? 1 : 0, deadLettered: isRetry ? 0 : 1);
        Failed(queue, failure);
    }

    /// <summary>Call it for deliveries that were settled, and for those that are given back.</summary>
    public void Settled(string queue, int count, DateTimeOffset? publishedAt, bool isSettled) =>
        CountsOf(queue).Settle(count, isSettled ? clock.GetUtcNow() : null, publishedAt);

    private static string Described(Exception failure)
    {
        var cause = failure.GetBaseException();
        return Untrusted.Sanitize($"{cause.GetType().FullName}: {cause.Message}", 1_000);
    }

    private Counts CountsOf(string queue) => _queues.GetOrAdd(queue, static _ => new Counts());

    private sealed class Counts
    {
        private readonly Lock _lock = new();
        private QueueActivity _activity;

        public QueueActivity Read()
        {
            lock (_lock)
            {
                return _activity;
            }
        }

        public void Add(int processing = 0, int consumed = 0, int duplicates = 0, int retriedLater = 0, int deadLettered = 0)
        {
            lock (_lock)
            {
                _activity = _activity with
                {
                    Processing = _activity.Processing + processing,
                    Consumed = _activity.Consumed + consumed,
                    Duplicates = _activity.Duplicates + duplicates,
                    RetriedLater = _activity.RetriedLater + retriedLater,
                    DeadLettered = _activity.DeadLettered + deadLettered,
                };
            }
        }

        public void Settle(int count, DateTimeOffset? at, DateTimeOffset? publishedAt)
        {
            lock (_lock)
            {
                _activity = _activity with
                {
                    Processing = _activity.Processing - count,
                    LastSettledAt = at ?? _activity.LastSettledAt,
                    SettledUpTo = at is not null && (_activity.SettledUpTo is not { } before || publishedAt > before) ? publishedAt ?? _activity.SettledUpTo : _activity.SettledUpTo,
                };
            }
        }
    }
}
