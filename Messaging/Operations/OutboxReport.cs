using System.Data;
using Npgsql;
using Shop.Messaging.Relay;

namespace Shop.Messaging.Operations;

/// <summary>A service's events: ready to publish, parked, published.</summary>
/// <param name="Waiting">Events that are ready to publish: they wait for the relay as rows, counted to 100,000.</param>
/// <param name="Oldest">When the first of them was recorded; null if none waits.</param>
/// <param name="LogBytes">With log tailing: unconfirmed bytes of log, of all databases; null without.</param>
/// <param name="Parked">Events that could not be published, and those that wait behind them.</param>
/// <param name="Streams">Their streams, the longest parked first; at most as many as asked for.</param>
/// <param name="Published">What the instance that answers has published; null if it runs no relay.</param>
public sealed record OutboxView(
    long Waiting, DateTimeOffset? Oldest, long? LogBytes, long Parked, IReadOnlyList<ParkedStream> Streams, PublishedView? Published);

/// <summary>A stream whose head could not be published: its later events wait behind it.</summary>
/// <param name="Stream">The aggregate's id.</param>
/// <param name="Type">The wire name of the event that could not be published.</param>
/// <param name="EventId">Its id.</param>
/// <param name="Events">How many events are parked, including this one.</param>
/// <param name="Since">Since when.</param>
/// <param name="Attempts">How many attempts failed since then.</param>
/// <param name="NextAttempt">When it is retried next.</param>
/// <param name="Error">Why the last attempt failed.</param>
public sealed record ParkedStream(
    string Stream, string Type, Guid EventId, long Events, DateTimeOffset Since, int Attempts, DateTimeOffset NextAttempt, string Error);

/// <inheritdoc />
internal sealed class OutboxReport(
    MessagingSettings settings, ParkedEvents parked, AuditTrail audit, RecentlyPublished? published = null, ILogBacklog? log = null) : IOutboxReport
{
    public async Task<OutboxView> ReadAsync(int limit, CancellationToken ct)
    {
        await using var connection = new NpgsqlConnection(settings.Database);
        await connection.OpenAsync(ct);

        // One snapshot for both: an event parked in between would be counted as waiting and as parked.
        await using var snapshot = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, ct);
        var backlog = await OutboxBacklog.ReadAsync(connection, ct);
        var streams = await StreamsAsync(connection, limit, ct);
        return new OutboxView(backlog.Length, backlog.Oldest, log?.Bytes, backlog.Parked, streams, published?.Read(limit));
    }

    /// <inheritdoc />
    public async Task<int> RetryAsync(string? stream, string by, CancellationToken ct)
    {
        await using var connection = new NpgsqlConnection(settings.Database);
        await connection.OpenAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await using var command = new NpgsqlCommand(
            """
            WITH due AS (UPDATE outbox_parked SET next_attempt_at = now() WHERE $1::text IS NULL OR stream = $1 RETURNING stream)
            SELECT count(DISTINCT stream) FROM due
            """, connection)
        {
            Parameters = { new() { Value = (object?)stream ?? DBNull.Value } },
        };
        var count = Convert.ToInt32(await command.ExecuteScalarAsync(ct));
        if (count > 0 || stream is null)
        {
            await audit.AddAsync(connection, by, "retry parked", stream ?? "all streams", reason: null, count, job: null, ct);
        }

        await transaction.CommitAsync(ct);
        return count;
    }

    /// <inheritdoc />
    public Task<IReadOnlyList<ParkedEvent>> ListParkedAsync(string? stream, int limit, CancellationToken ct) => parked.ListAsync(stream, limit, ct);

    /// <inheritdoc />
    public Task<IReadOnlyList<ParkedEvent>> ListParkedOfGroupAsync(string group, int limit, CancellationToken ct) =>
        parked.ListAsync(stream: null, limit, ct, group: group);

    /// <inheritdoc />
    public Task<IReadOnlyList<ParkedGroup>> GroupParkedAsync(int limit, CancellationToken ct) => parked.GroupAsync(limit, ct);

    /// <inheritdoc />
    public Task<ParkedDiscard> DiscardParkedAsync(long seq, long behind, string reason, string by, CancellationToken ct) =>
        parked.DiscardAsync(seq, behind, reason, by, job: null, ct);

    private static async Task<List<ParkedStream>> StreamsAsync(NpgsqlConnection connection, int limit, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT stream, type, event_id, events, parked_at, attempts, next_attempt_at, error FROM (
                SELECT DISTINCT ON (partition, stream) *, count(*) OVER (PARTITION BY partition, stream) AS events
                FROM outbox_parked ORDER BY partition, stream, seq) AS head
            ORDER BY parked_at, stream LIMIT $1
            """, connection)
        {
            Parameters = { new() { Value = limit } },
        };
        List<ParkedStream> streams = [];
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            streams.Add(new ParkedStream(
                reader.GetString(0), reader.GetString(1), reader.GetGuid(2), reader.GetInt64(3), reader.GetFieldValue<DateTimeOffset>(4),
                reader.GetInt32(5), reader.GetFieldValue<DateTimeOffset>(6), reader.GetString(7)));
        }

        return streams;
    }
}
