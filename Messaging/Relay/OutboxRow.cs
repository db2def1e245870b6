namespace Shop.Messaging.Relay;

/// <summary>A stored event as the relay reads it.</summary>
internal sealed record OutboxRow(long Seq, Guid EventId, string Stream, short Partition, string Type, string Headers, byte[] Body);

/// <summary>The result of publishing a batch. For rows in neither set it is unknown whether they were published: they stay ready.</summary>
internal sealed class PublishReport
{
    /// <summary>The broker confirmed these as routed.</summary>
    public HashSet<long> Confirmed { get; } = [];

    /// <summary>The rows that the broker rejects, and why.</summary>
    public Dictionary<long, string> Refused { get; } = [];

    /// <summary>
    /// The unconfirmed rows: under true the rejected ones with the later ones of their streams, under false those of which it is
    /// unknown whether they were published.
    /// </summary>
    public ILookup<bool, OutboxRow> UnsentOf(IReadOnlyList<OutboxRow> rows)
    {
        HashSet<string> refused = [.. rows.Where(row => Refused.ContainsKey(row.Seq)).Select(row => row.Stream)];
        return rows.Where(row => !Confirmed.Contains(row.Seq)).ToLookup(row => refused.Contains(row.Stream));
    }
}
