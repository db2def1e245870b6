using Npgsql;

namespace Shop.Messaging.Operations;

/// <summary>What a person did to events.</summary>
/// <param name="At">When, UTC.</param>
/// <param name="By">Who: the token's subject.</param>
/// <param name="Action">What, such as <c>retry dead letter</c>.</param>
/// <param name="Target">To what: a queue and a message, a queue and a group, or a stream.</param>
/// <param name="Reason">Why, where a reason is required.</param>
/// <param name="Count">How many messages or streams; of a job, how many so far.</param>
/// <param name="Detail">The state of a job.</param>
public sealed record AuditEntry(DateTimeOffset At, string By, string Action, string Target, string? Reason, int? Count, string? Detail);

/// <summary>Who did what, when and why, in the service's database. Entries are removed after 90 days.</summary>
public sealed class AuditTrail
{
    /// <summary>How long entries are kept.</summary>
    internal static readonly TimeSpan Retention = TimeSpan.FromDays(90);

    private readonly MessagingSettings _settings;
    private readonly TimeProvider _clock;

    internal AuditTrail(MessagingSettings settings, TimeProvider clock) => (_settings, _clock) = (settings, clock);

    /// <summary>Adds an entry.</summary>
    public Task RecordAsync(string by, string action, string target, string? reason, int? count, CancellationToken ct) =>
        RecordAsync(by, action, target, reason, count, job: null, ct);

    /// <summary>The newest entries, up to a limit.</summary>
    public async Task<IReadOnlyList<AuditEntry>> ReadAsync(int limit, CancellationToken ct)
    {
        await using var connection = new NpgsqlConnection(_settings.Database);
        await connection.OpenAsync(ct);
        await using var command = new NpgsqlCommand("""
            SELECT a.at, a.by, a.action, a.target, a.reason, coalesce(j.moved, a.count), j.state
            FROM operations_audit AS a LEFT JOIN operations_jobs AS j ON j.id = a.job AND a.action <> 'cancel job' ORDER BY a.id DESC LIMIT $1
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

    internal async Task RecordAsync(string by, string action, string target, string? reason, int? count, Guid? job, CancellationToken ct)
    {
        await using var connection = new NpgsqlConnection(_settings.Database);
        await connection.OpenAsync(ct);
        await using var command = new NpgsqlCommand(
            "INSERT INTO operations_audit (at, by, action, target, reason, count, job) VALUES ($1, $2, $3, $4, $5, $6, $7)", connection)
        {
            Parameters =
            {
                new() { Value = _clock.GetUtcNow() }, new() { Value = by }, new() { Value = action }, new() { Value = target },
                new NpgsqlParameter<string?> { TypedValue = reason }, new NpgsqlParameter<int?> { TypedValue = count },
                new NpgsqlParameter<Guid?> { TypedValue = job },
            },
        };
        await command.ExecuteNonQueryAsync(ct);
    }
}
