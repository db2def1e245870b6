namespace Shop.Messaging.Relay;

/// <summary>A stored event as the relay reads it.</summary>
internal sealed record OutboxRow(long Seq, Guid EventId, string Stream, short Partition, string Type, string Headers, byte[] Body);

/// <summary>What became of a batch: what is in neither set was not sent, or nobody knows, and stays ready.</summary>
internal sealed class PublishReport
{
    /// <summary>The broker confirmed these as routed.</summary>
    public HashSet<long> Confirmed { get; } = [];

    /// <summary>The broker will not take these as they are, and why.</summary>
    public Dictionary<long, string> Refused { get; } = [];

    /// <summary>
    /// What is not confirmed: under true the refused ones with the later ones of their streams, under false those of which nobody
    /// knows whether they were sent.
    /// </summary>
    public ILookup<bool, OutboxRow> UnsentOf(IReadOnlyList<OutboxRow> rows)
    {
        HashSet<string> refused = [.. rows.Where(row => Refused.ContainsKey(row.Seq)).Select(row => row.Stream)];
        return rows.Where(row => !Confirmed.Contains(row.Seq)).ToLookup(row => refused.Contains(row.Stream));
    }
}
