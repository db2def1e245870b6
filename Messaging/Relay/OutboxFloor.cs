namespace Shop.Messaging.Relay;

/// <summary>
/// The seq below which no row of the held partitions exists or can still be committed. Claims start there, so that they do not
/// scan dead rows that vacuum cannot remove because of a long-running reader. It is not a
/// cursor: it advances only once every transaction that could still commit a lower seq has ended (docs/adr/0006).
/// </summary>
internal sealed class OutboxFloor
{
    private long _highestSeen;
    private long _settled;
    private (long Highest, IReadOnlySet<string> Writers)? _watched;

    /// <summary>Claims start at this seq.</summary>
    public long Value { get; private set; }

    /// <summary>Resets after a partition was locked: its rows may have any seq.</summary>
    public void Reset() => Value = 0;

    /// <summary>
    /// Records what a claim returned, in order: the oldest rows at or above the floor, by a snapshot that is newer than the last
    /// call of <see cref="Observe"/>.
    /// </summary>
    public void Claimed(IReadOnlyList<OutboxRow> rows)
    {
        // Every settled row is in that snapshot, or was removed.
        var first = rows.Count > 0 ? rows[0].Seq : long.MaxValue;
        Value = Math.Max(Value, Math.Min(first, _settled + 1));
        if (rows.Count > 0)
        {
            _highestSeen = Math.Max(_highestSeen, rows[^1].Seq);
        }
    }

    /// <summary>
    /// Records which transactions hold a writer's lock on the outbox now. A writer locks the table before it draws a seq and until
    /// its end, so one that drew a lower seq than any seen so far is among them, or has ended.
    /// </summary>
    public void Observe(IReadOnlySet<string> writers)
    {
        if (_watched is { } watched && watched.Writers.Overlaps(writers))
        {
            return;
        }

        _settled = _watched?.Highest ?? _settled;
        _watched = (_highestSeen, writers);
    }
}
