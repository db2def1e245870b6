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
    public const int Capacity = 100;

    private static readonly string s_instance = $"{Environment.MachineName}/{Environment.ProcessId}";

    private readonly DateTimeOffset _since = clock.GetUtcNow();
    private readonly Lock _lock = new(); // the polling relay and log tailing may run side by side
    private readonly PublishedEvent[] _last = new PublishedEvent[Capacity];
    private long _count;

    /// <summary>Records the confirmed rows. Call it after the commit that deletes them.</summary>
    public void Record(IReadOnlyList<OutboxRow> rows, PublishReport report)
    {
        var now = clock.GetUtcNow();
        Measure(rows, report, now);
        lock (_lock)
        {
            foreach (var row in rows)
            {
                if (report.Confirmed.Contains(row.Seq))
                {
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
            var last = new PublishedEvent[Math.Min(limit, Math.Min(_count, Capacity))];
            for (var i = 0; i < last.Length; i++)
            {
                last[i] = _last[(_count - 1 - i) % Capacity];
            }

            return new PublishedView(s_instance, _since, _count, last);
        }
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
