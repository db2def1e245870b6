namespace Shop.Messaging.Relay;

/// <summary>
/// Below which number no row of the held partitions can be or come any more: where a claim begins to look, so that it does not
/// walk over the dead rows of everything that has passed while some long reader keeps vacuum from removing them. It is no
/// cursor: a number counts only once every transaction that could still commit a lower one has ended (docs/adr/0006).
/// </summary>
internal sealed class OutboxFloor
{
    private long _highestSeen;
    private long _settled;
    private (long Highest, IReadOnlySet<string> Writers)? _watched;

    /// <summary>Claims look from here on.</summary>
    public long Value { get; private set; }

    /// <summary>A partition came in: rows of it may lie anywhere.</summary>
    public void Reset() => Value = 0;

    /// <summary>
    /// What a claim found, in order: the oldest rows at or above the floor that a snapshot showed which was taken after the last
    /// call of <see cref="Look"/>.
    /// </summary>
    public void Claimed(IReadOnlyList<OutboxRow> rows)
    {
        // What is settled is in that snapshot, or is nowhere.
        var first = rows.Count > 0 ? rows[0].Seq : long.MaxValue;
        Value = Math.Max(Value, Math.Min(first, _settled + 1));
        if (rows.Count > 0)
        {
            _highestSeen = Math.Max(_highestSeen, rows[^1].Seq);
        }
    }

    /// <summary>
    /// Which transactions hold a writer's lock on the outbox now. A writer locks the table before it draws a number and until
    /// its end, so one that drew a number lower than one that was seen is among them, or has ended.
    /// </summary>
    public void Look(IReadOnlySet<string> writers)
    {
        if (_watched is { } watched && watched.Writers.Overlaps(writers))
        {
            return;
        }

        _settled = _watched?.Highest ?? _settled;
        _watched = (_highestSeen, writers);
    }
}
