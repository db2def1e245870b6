using Npgsql;

namespace Shop.Messaging.Operations;

/// <summary>What a person did to events.</summary>
/// <param name="At">When, UTC.</param>
/// <param name="By">Who: the token's subject.</param>
/// <param name="Action">What, such as <c>retry dead letter</c>.</param>
/// <param name="Target">To what: a queue and a message, a queue and a group, or a stream.</param>
/// <param name="Reason">Why, where a reason is required.</param>
/// <param name="Count">How many messages or streams; of a job, how many so far; null while it is not known.</param>
/// <param name="Detail">The state of a job; or that it was started, and that no outcome is known: it is under way, or its instance ended.</param>
public sealed record AuditEntry(DateTimeOffset At, string By, string Action, string Target, string? Reason, int? Count, string? Detail);

/// <summary>
/// Who did what, when and why, in the service's database. What changes rows is recorded in the same transaction. What moves messages in the broker
/// cannot be: it is recorded before, and its outcome after it, so that a crash in between leaves an entry. Each discarded message has an entry of
/// its own, by which it is found again. Entries are removed after 90 days.
/// </summary>
public sealed class AuditTrail
{
    /// <summary>How long entries are kept.</summary>
    internal static readonly TimeSpan Retention = TimeSpan.FromDays(90);

    /// <summary>The action of a discarded dead letter, whose target is <see cref="DeadLetter.Target"/>.</summary>
    internal const string DiscardDeadLetter = "discard dead letter";

    private const string Discards = """
        SELECT event_id::text, type, NULL, discarded_at, discarded_by, reason FROM outbox_discarded WHERE event_id::text = ANY ($1) OR stream = $2
        UNION ALL
        SELECT split_part(target, ' ', 2), nullif(nullif(split_part(target, ' ', 3), ''), '-'), split_part(target, ' ', 1), at, by, coalesce(reason, '')
        FROM operations_audit WHERE action = 'discard dead letter' AND count IS DISTINCT FROM 0
            AND (lower(split_part(target, ' ', 2)) = ANY ($1) OR split_part(target, ' ', 4) = $2)
        ORDER BY 4 LIMIT 200
        """;

    private readonly MessagingSettings _settings;
    private readonly TimeProvider _clock;

    internal AuditTrail(MessagingSettings settings, TimeProvider clock) => (_settings, _clock) = (settings, clock);

    /// <summary>Records that messages are about to be moved, moves them, and records how many were.</summary>
    public Task<Moved> RecordAsync(string by, string action, string target, string? reason, Func<Task<Moved>> moveAsync, CancellationToken ct) =>
        RecordAsync(by, action, target, reason, moveAsync, job: null, ct);

    /// <summary>The same, of a job, whose own entry counts all of them.</summary>
    internal async Task<Moved> RecordAsync(
        string by, string action, string target, string? reason, Func<Task<Moved>> moveAsync, Guid? job, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(moveAsync);
        await using var connection = new NpgsqlConnection(_settings.Database);
        await connection.OpenAsync(ct);
        var id = await AddAsync(connection, by, action, target, reason, count: null, job, ct);
        await connection.CloseAsync(); // nothing is held while the broker is waited for
        var moved = await moveAsync();
        await connection.OpenAsync(CancellationToken.None); // it has happened, whether or not anybody still waits
        await using var command = new NpgsqlCommand("UPDATE operations_audit SET count = $2 WHERE id = $1", connection)
        {
            Parameters = { new() { Value = id }, new() { Value = moved.Count } },
        };
        await command.ExecuteNonQueryAsync(CancellationToken.None);
        return moved;
    }

    /// <summary>The newest entries, up to a limit.</summary>
    public async Task<IReadOnlyList<AuditEntry>> ReadAsync(int limit, CancellationToken ct)
    {
        await using var connection = new NpgsqlConnection(_settings.Database);
        await connection.OpenAsync(ct);
        await using var command = new NpgsqlCommand("""
            SELECT a.at, a.by, a.action, a.target, a.reason, coalesce(j.moved, a.count),
                coalesce(j.state, CASE WHEN a.count IS NULL THEN 'started, no outcome known' END)
            FROM operations_audit AS a LEFT JOIN operations_jobs AS j ON j.id = a.job AND a.action <> 'cancel job'
            WHERE a.job IS NULL OR a.action NOT IN ('discard dead letter', 'discard parked') -- of a job, whose entry counts them
            ORDER BY a.id DESC LIMIT $1
            """, connection) { Parameters = { new() { Value = limit } } };
        List<AuditEntry> entries = [];
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            entries.Add(new AuditEntry(
                reader.GetFieldValue<DateTimeOffset>(0), reader.GetString(1), reader.GetString(2), reader.GetString(3),
                reader.GetValue(4) as string, reader.GetFieldValue<int?>(5), reader.GetValue(6) as string));
        }

        return entries;
    }

    /// <summary>What persons discarded of some events, or of a stream: parked events and dead letters, the oldest first.</summary>
    internal static async Task<IReadOnlyList<DiscardedEvent>> DiscardedAsync(
        NpgsqlConnection connection, IEnumerable<Guid> events, string? stream, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(Discards, connection)
        {
            Parameters = { new() { Value = events.Select(id => id.ToString()).ToArray() }, new NpgsqlParameter<string?> { TypedValue = stream } },
        };
        List<DiscardedEvent> discarded = [];
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            discarded.Add(new DiscardedEvent(
                reader.GetString(0), reader.GetValue(1) as string, reader.GetValue(2) as string, reader.GetFieldValue<DateTimeOffset>(3), reader.GetString(4), reader.GetString(5)));
        }

        return discarded;
    }

    /// <summary>Adds an entry, in the transaction of what it records; its id.</summary>
    internal async Task<long> AddAsync(
        NpgsqlConnection connection, string by, string action, string target, string? reason, int? count, Guid? job, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            "INSERT INTO operations_audit (at, by, action, target, reason, count, job) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id", connection)
        {
            Parameters =
            {
                new() { Value = _clock.GetUtcNow() }, new() { Value = by }, new() { Value = action }, new() { Value = target },
                new NpgsqlParameter<string?> { TypedValue = reason }, new NpgsqlParameter<int?> { TypedValue = count },
                new NpgsqlParameter<Guid?> { TypedValue = job },
            },
        };
        return (long)(await command.ExecuteScalarAsync(ct))!;
    }
}
