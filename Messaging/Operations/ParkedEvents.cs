using System.Text.Json;
using Npgsql;

namespace Shop.Messaging.Operations;

/// <summary>The parked events' rows, for a person who decides about them.</summary>
internal sealed class ParkedEvents(MessagingSettings settings, AuditTrail audit, TimeProvider clock)
{
    /// <summary>Streams whose first event has the same type and error are one group: probably one cause.</summary>
    private const string GroupOfHead = @"left(encode(sha256(convert_to(type || E'\n' || error, 'UTF8')), 'hex'), 16)";

    private const string List = $"""
        SELECT seq, event_id, stream, type, place = 1, total - place, parked_at, attempts, next_attempt_at, error, headers, body FROM (
            SELECT *, row_number() OVER same AS place, count(*) OVER (PARTITION BY partition, stream) AS total, min(parked_at) OVER (PARTITION BY partition, stream) AS since,
                first_value({GroupOfHead}) OVER same AS head_group
            FROM outbox_parked WHERE $1::text IS NULL OR stream = $1
            WINDOW same AS (PARTITION BY partition, stream ORDER BY seq)) AS parked
        WHERE ($2::uuid[] IS NULL OR event_id = ANY ($2)) AND ($4::text IS NULL OR head_group = $4)
        ORDER BY since, stream, seq LIMIT $3
        """;

    private const string HeadsOfAll = """
        SELECT DISTINCT ON (partition, stream) *, count(*) OVER (PARTITION BY partition, stream) AS events, min(parked_at) OVER (PARTITION BY partition, stream) AS since
        FROM outbox_parked ORDER BY partition, stream, seq
        """;

    private const string Groups = $"""
        SELECT {GroupOfHead}, type, error, count(*), sum(events - 1)::bigint, min(since), max(attempts) FROM ({HeadsOfAll}) AS heads
        GROUP BY type, error ORDER BY count(*) DESC, min(since), type LIMIT $1
        """;

    private const string Heads = $"""
        SELECT seq, partition, stream, attempts FROM ({HeadsOfAll}) AS heads WHERE $1::text IS NULL OR {GroupOfHead} = $1 ORDER BY since, stream
        """;

    /// <summary>The relay locks what it publishes: this waits for it, and finds nothing then.</summary>
    private const string Lock = """
        SELECT stream, partition FROM outbox_parked WHERE seq = $1 FOR UPDATE
        """;

    private const string Head = """
        SELECT seq, type, (SELECT count(*) FROM outbox_parked WHERE partition = $2 AND stream = $3 AND seq > $1)
        FROM outbox_parked WHERE partition = $2 AND stream = $3 ORDER BY seq LIMIT 1
        """;

    private const string Discard = """
        WITH gone AS (DELETE FROM outbox_parked WHERE seq = $1 RETURNING *)
        INSERT INTO outbox_discarded (seq, event_id, stream, type, headers, body, error, discarded_at, discarded_by, reason)
        SELECT seq, event_id, stream, type, headers, body, error, $2, $3, $4 FROM gone
        """;

    // The head carried the attempts: the next one is tried at once.
    private const string Continue = "UPDATE outbox_parked SET next_attempt_at = now() WHERE partition = $1 AND stream = $2";

    /// <summary>Of one of the heads: false where it is not the head any more. The relay retries what is due within a second.</summary>
    private const string MakeDue = """
        UPDATE outbox_parked SET next_attempt_at = now() WHERE partition = $2 AND stream = $3
            AND $1 = (SELECT min(seq) FROM outbox_parked WHERE partition = $2 AND stream = $3)
        """;

    public async Task<IReadOnlyList<ParkedEvent>> ListAsync(string? stream, int limit, CancellationToken ct, Guid[]? events = null, string? group = null)
    {
        await using var connection = await OpenAsync(ct);
        await using var command = new NpgsqlCommand(List, connection)
        {
            Parameters =
            {
                new NpgsqlParameter<string?> { TypedValue = stream }, new NpgsqlParameter<Guid[]?> { TypedValue = events }, new() { Value = limit },
                new NpgsqlParameter<string?> { TypedValue = group },
            },
        };
        List<ParkedEvent> parked = [];
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            parked.Add(new ParkedEvent(
                reader.GetInt64(0), reader.GetGuid(1), reader.GetString(2), reader.GetString(3), reader.GetBoolean(4), reader.GetInt64(5),
                reader.GetFieldValue<DateTimeOffset>(6), reader.GetInt32(7), reader.GetFieldValue<DateTimeOffset>(8), reader.GetString(9),
                Headers(reader.GetString(10)), Masking.Body(reader.GetFieldValue<byte[]>(11))));
        }

        return parked;
    }

    public async Task<IReadOnlyList<ParkedGroup>> GroupAsync(int limit, CancellationToken ct)
    {
        await using var connection = await OpenAsync(ct);
        await using var command = new NpgsqlCommand(Groups, connection) { Parameters = { new() { Value = limit } } };
        List<ParkedGroup> groups = [];
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            groups.Add(new ParkedGroup(reader.GetString(0), reader.GetString(1), reader.GetString(2), reader.GetInt64(3), reader.GetInt64(4),
                reader.GetFieldValue<DateTimeOffset>(5), reader.GetInt32(6)));
        }

        return groups;
    }

    /// <summary>The first event of each stream, of a group or of all, the longest parked first.</summary>
    public async Task<List<ParkedHead>> HeadsAsync(string? group, CancellationToken ct)
    {
        await using var connection = await OpenAsync(ct);
        await using var command = new NpgsqlCommand(Heads, connection) { Parameters = { new NpgsqlParameter<string?> { TypedValue = group } } };
        List<ParkedHead> heads = [];
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            heads.Add(new ParkedHead(reader.GetInt64(0), reader.GetInt16(1), reader.GetString(2), reader.GetInt32(3)));
        }

        return heads;
    }

    /// <summary>Makes a stream due, unless its head has gone.</summary>
    public async Task<bool> RetryAsync(ParkedHead head, CancellationToken ct)
    {
        await using var connection = await OpenAsync(ct);
        return await ExecuteAsync(connection, MakeDue, ct, head.Seq, head.Partition, head.Stream) > 0;
    }

    /// <summary>Those of some heads that are there, and how many attempts have failed.</summary>
    public async Task<Dictionary<long, int>> AttemptsAsync(IEnumerable<ParkedHead> heads, CancellationToken ct)
    {
        await using var connection = await OpenAsync(ct);
        await using var command = new NpgsqlCommand("SELECT seq, attempts FROM outbox_parked WHERE seq = ANY ($1)", connection)
        {
            Parameters = { new() { Value = heads.Select(head => head.Seq).ToArray() } },
        };
        Dictionary<long, int> attempts = [];
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            attempts[reader.GetInt64(0)] = reader.GetInt32(1);
        }

        return attempts;
    }

    /// <summary>Discards a head, if as many are behind it as the person has seen; null for any number.</summary>
    public async Task<ParkedDiscard> DiscardAsync(long seq, long? behind, string reason, string by, Guid? job, CancellationToken ct)
    {
        await using var connection = await OpenAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        if (await LockAsync(connection, seq, ct) is not var (stream, partition))
        {
            return new ParkedDiscard(false, null);
        }

        if (await RefusalAsync(connection, seq, behind, stream, partition, ct) is { } refusal)
        {
            return new ParkedDiscard(false, refusal);
        }

        await ExecuteAsync(connection, Discard, ct, seq, clock.GetUtcNow(), by, reason);
        await ExecuteAsync(connection, Continue, ct, partition, stream);
        await audit.AddAsync(connection, by, "discard parked", $"position {seq}", reason, count: 1, job, ct);
        await transaction.CommitAsync(ct);
        return new ParkedDiscard(true, null);
    }

    private static async Task<string?> RefusalAsync(
        NpgsqlConnection connection, long seq, long? behind, string stream, short partition, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(Head, connection)
        {
            Parameters = { new() { Value = seq }, new() { Value = partition }, new() { Value = stream } },
        };
        await using var reader = await command.ExecuteReaderAsync(ct);
        await reader.ReadAsync(ct);
        var (head, type, waiting) = (reader.GetInt64(0), reader.GetString(1), reader.GetInt64(2));
        return head != seq
            ? $"It waits behind {type} (position {head}) of {stream}: only the first event of a stream can be discarded."
            : waiting != (behind ?? waiting)
                ? $"{waiting} events of {stream} wait behind it and would be published without it: confirm with behind = {waiting}."
                : null;
    }

    private static async Task<(string Stream, short Partition)?> LockAsync(NpgsqlConnection connection, long seq, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(Lock, connection) { Parameters = { new() { Value = seq } } };
        await using var reader = await command.ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct) ? (reader.GetString(0), reader.GetInt16(1)) : null;
    }

    private static Dictionary<string, string> Headers(string json)
    {
        try
        {
            return JsonSerializer.Deserialize<Dictionary<string, string>>(json)!.ToDictionary(
                header => Masking.Text(header.Key), header => Masking.Header(header.Key, header.Value));
        }
        catch (Exception)
        {
            return []; // which is why it could not be published
        }
    }

    private async Task<NpgsqlConnection> OpenAsync(CancellationToken ct)
    {
        var connection = new NpgsqlConnection(settings.Database);
        await connection.OpenAsync(ct);
        return connection;
    }

    private static async Task<int> ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken ct, params object[] values)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        }

        return await command.ExecuteNonQueryAsync(ct);
    }
}
