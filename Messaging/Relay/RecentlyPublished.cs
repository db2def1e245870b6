using Shop.Messaging.Outbox;
using Shop.Messaging.Telemetry;

namespace Shop.Messaging.Relay;

/// <summary>An event that was published: its confirm has come, and its row's deletion is committed.</summary>
/// <param name="EventId">Its id.</param>
/// <param name="Type">Its wire name.</param>
/// <param name="Stream">The aggregate's id.</param>
/// <param name="RecordedAt">When it was recorded, by its id; null for an id without a time.</param>
/// <param name="PublishedAt">When it counted as published.</param>
public readonly record struct PublishedEvent(Guid EventId, string Type, string Stream, DateTimeOffset? RecordedAt, DateTimeOffset PublishedAt);

/// <summary>What one instance has published. Its rows are deleted, so this is in memory only and ends with the process.</summary>
/// <param name="Instance">Which instance: the host's name and the process id. Each instance counts what it published itself.</param>
/// <param name="Since">When this instance started.</param>
/// <param name="Count">How many events it has published since.</param>
/// <param name="Last">The last of them, the newest first: at most 100, and as many as asked for.</param>
public sealed record PublishedView(string Instance, DateTimeOffset Since, long Count, IReadOnlyList<PublishedEvent> Last);

/// <summary>Counts what this process's relays published, for metrics and the report, and remembers the last.</summary>
internal sealed class RecentlyPublished(TimeProvider clock)
{
    public const int Capacity = 1_000;
    private const int MaxListed = 100;
    private const int RateSeconds = 10;

    /// <summary>The process, as the views name it.</summary>
    public static readonly string Instance = $"{Environment.MachineName}/{Environment.ProcessId}";

    private readonly DateTimeOffset _since = clock.GetUtcNow();
    private readonly Lock _lock = new(); // the polling relay and log tailing may run side by side
    private readonly PublishedEvent[] _last = new PublishedEvent[Capacity];
    private readonly long[] _seconds = new long[RateSeconds + 1];
    private readonly long[] _perSecond = new long[RateSeconds + 1];
    private long _count;

    /// <summary>How many events of each type were published.</summary>
    public EventCounts Traffic { get; } = new();

    /// <summary>Records the confirmed rows. Call it after the commit that deletes them.</summary>
    public void Record(IReadOnlyList<OutboxRow> rows, PublishReport report)
    {
        var now = clock.GetUtcNow();
        Measure(rows, report, now);
        lock (_lock)
        {
            Count(now.ToUnixTimeSeconds(), report.Confirmed.Count);
            foreach (var row in rows)
            {
                if (report.Confirmed.Contains(row.Seq))
                {
                    Traffic.Add(row.Type, queue: "");
                    _last[_count++ % Capacity] = new PublishedEvent(
                        row.EventId, row.Type, row.Stream, row.EventId.Version == 7 ? OutboxMessage.CreatedAt(row.EventId) : null, now);
                }
            }
        }
    }

    public PublishedView Read(int limit)
    {
        lock (_lock)
        {
            var last = new PublishedEvent[Math.Min(Math.Min(limit, MaxListed), _count)];
            for (var i = 0; i < last.Length; i++)
            {
                last[i] = _last[(_count - 1 - i) % Capacity];
            }

            return new PublishedView(Instance, _since, _count, last);
        }
    }

    /// <summary>How many events were published per second, over the last ten whole seconds; and when the last one was.</summary>
    public (double PerSecond, DateTimeOffset? LastAt) Rate()
    {
        var second = clock.GetUtcNow().ToUnixTimeSeconds();
        lock (_lock)
        {
            var sum = 0L;
            for (var i = 0; i < _seconds.Length; i++)
            {
                sum += _seconds[i] < second && _seconds[i] >= second - RateSeconds ? _perSecond[i] : 0;
            }

            return ((double)sum / RateSeconds, _count == 0 ? null : _last[(_count - 1) % Capacity].PublishedAt);
        }
    }

    /// <summary>Which of these events were published, or of this stream, as far as this process remembers: the last thousand.</summary>
    public IReadOnlyList<PublishedEvent> Find(IReadOnlySet<Guid> events, string? stream)
    {
        lock (_lock)
        {
            return [.. _last.Take((int)Math.Min(_count, Capacity)).Where(one => events.Contains(one.EventId) || one.Stream == stream)];
        }
    }

    /// <summary>The last failed round, and why; null while there was none.</summary>
    public (DateTimeOffset At, string Error)? LastFailure { get; private set; }

    public void Failed(string error) => LastFailure = (clock.GetUtcNow(), error);

    private void Count(long second, int published)
    {
        var slot = second % _seconds.Length;
        if (_seconds[slot] != second)
        {
            (_seconds[slot], _perSecond[slot]) = (second, 0);
        }

        _perSecond[slot] += published;
    }

    private static void Measure(IReadOnlyList<OutboxRow> rows, PublishReport report, DateTimeOffset now)
    {
        MessagingTelemetry.Published.Add(report.Confirmed.Count);
        if (MessagingTelemetry.OutboxDelay.Enabled)
        {
            foreach (var row in rows.Where(row => report.Confirmed.Contains(row.Seq)))
            {
                MessagingTelemetry.OutboxDelay.Record(Math.Max(0, (now - OutboxMessage.CreatedAt(row.EventId)).TotalSeconds));
            }
        }
    }
}
