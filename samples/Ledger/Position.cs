using Npgsql;

namespace Ledger;

/// <summary>An event with its place: in its stream by version, among all by the number of its transaction and its own.</summary>
internal sealed record StoredEvent(ulong Transaction, long Number, Guid Id, Guid Stream, int Version, AccountEvent Data);

/// <summary>How far the publisher is: events up to the position are published, those after it are ready, or not complete yet.</summary>
internal static class Position
{
    /// <summary>
    /// A number that is taken first may be committed last. So nothing is read that is not older than all transactions under way: what is then
    /// read is complete, and no event appears before it later.
    /// </summary>
    private const string Ready = """
        SELECT e.transaction, e.number, e.id, e.stream, e.version, e.data FROM events e JOIN positions p ON p.reader = 'publisher'
        WHERE (e.transaction, e.number) > (p.transaction, p.number) AND e.transaction < pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY e.transaction, e.number LIMIT 100
        """;

    /// <summary>The events that are ready to publish, in order.</summary>
    public static async Task<IReadOnlyList<StoredEvent>> ReadyAsync(NpgsqlConnection session, CancellationToken ct)
    {
        await using var ready = new NpgsqlCommand(Ready, session);
        await using var reader = await ready.ExecuteReaderAsync(ct);
        List<StoredEvent> events = [];
        while (await reader.ReadAsync(ct))
        {
            events.Add(new StoredEvent(
                reader.GetFieldValue<ulong>(0), reader.GetInt64(1), reader.GetGuid(2), reader.GetGuid(3), reader.GetInt32(4), EventStore.Event(reader.GetString(5))));
        }

        return events;
    }

    /// <summary>Everything up to this event is published.</summary>
    public static async Task MarkPublishedAsync(NpgsqlConnection session, StoredEvent last, CancellationToken ct)
    {
        await using var move = new NpgsqlCommand("UPDATE positions SET transaction = $1, number = $2 WHERE reader = 'publisher'", session);
        move.Parameters.Add(new() { Value = last.Transaction, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Xid8 });
        move.Parameters.Add(new() { Value = last.Number });
        await move.ExecuteNonQueryAsync(ct);
    }
}
