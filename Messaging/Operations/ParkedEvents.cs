using System.Text.Json;
using Npgsql;

namespace Shop.Messaging.Operations;

/// <summary>The parked events' rows, for a person who decides about them.</summary>
internal sealed class ParkedEvents(MessagingSettings settings, AuditTrail audit, TimeProvider clock)
{
    private const string List = """
        SELECT seq, event_id, stream, type, place = 1, total - place, parked_at, attempts, next_attempt_at, error, headers, body FROM (
            SELECT *, row_number() OVER same AS place, count(*) OVER (PARTITION BY partition, stream) AS total, min(parked_at) OVER (PARTITION BY partition, stream) AS since
            FROM outbox_parked WHERE $1::text IS NULL OR stream = $1
            WINDOW same AS (PARTITION BY partition, stream ORDER BY seq)) AS parked
        WHERE $2::uuid[] IS NULL OR event_id = ANY ($2)
        ORDER BY since, stream, seq LIMIT $3
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

    public async Task<IReadOnlyList<ParkedEvent>> ListAsync(string? stream, int limit, CancellationToken ct, Guid[]? events = null)
    {
        await using var connection = new NpgsqlConnection(settings.Database);
        await connection.OpenAsync(ct);
        return await ListAsync(connection, stream, events, limit, ct);
    }

    public async Task<ParkedDiscard> DiscardAsync(long seq, long behind, string reason, string by, CancellationToken ct)
    {
        await using var connection = new NpgsqlConnection(settings.Database);
        await connection.OpenAsync(ct);
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
        await audit.AddAsync(connection, by, "discard parked", $"position {seq}", reason, count: 1, job: null, ct);
        await transaction.CommitAsync(ct);
        return new ParkedDiscard(true, null);
    }

    private static async Task<string?> RefusalAsync(
        NpgsqlConnection connection, long seq, long behind, string stream, short partition, CancellationToken ct)
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
            : waiting != behind
                ? $"{waiting} events of {stream} wait behind it and would be published without it: confirm with behind = {waiting}."
                : null;
    }

    private static async Task<(string Stream, short Partition)?> LockAsync(NpgsqlConnection connection, long seq, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(Lock, connection) { Parameters = { new() { Value = seq } } };
        await using var reader = await command.ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct) ? (reader.GetString(0), reader.GetInt16(1)) : null;
    }

    private static async Task<IReadOnlyList<ParkedEvent>> ListAsync(
        NpgsqlConnection connection, string? stream, Guid[]? events, int limit, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(List, connection)
        {
            Parameters =
            {
                new NpgsqlParameter<string?> { TypedValue = stream }, new NpgsqlParameter<Guid[]?> { TypedValue = events }, new() { Value = limit },
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

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken ct, params object[] values)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        }

        await command.ExecuteNonQueryAsync(ct);
    }
}
