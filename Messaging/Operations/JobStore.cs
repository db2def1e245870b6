using Npgsql;

namespace Shop.Messaging.Operations;

/// <summary>The jobs' rows: any instance answers for a job, and one job at a time runs on a queue, whichever instance runs it.</summary>
internal sealed class JobStore(MessagingSettings settings, AuditTrail audit)
{
    /// <summary>A running job is seen this often by the instance that runs it; three times as long later it counts as interrupted.</summary>
    public static readonly TimeSpan SeenEvery = TimeSpan.FromSeconds(20);

    private const string Columns = "id, kind, queue, message_group, per_second, reason, started_by, state, total, moved, left_over, "
        + "started_at, ended_at, error, cancelled_by";

    /// <summary>Adds a running job, and its entry in the audit trail; false where one runs on its queue already.</summary>
    public async Task<bool> TryAddAsync(Guid id, RedriveOrder order, int total, CancellationToken ct)
    {
        await InterruptLostAsync(ct);
        await using var connection = new NpgsqlConnection(settings.Database);
        await connection.OpenAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await using var command = Command(connection, """
            INSERT INTO operations_jobs (id, kind, queue, message_group, per_second, reason, started_by, state, total, moved, left_over, started_at, seen_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, 'running', $8, 0, 0, now(), now())
            """, id, order.Kind, order.Queue, order.Group, order.PerSecond, order.Reason, order.By, total);
        try
        {
            await command.ExecuteNonQueryAsync(ct);
        }
        catch (PostgresException e) when (e is { SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: "operations_jobs_one_running" })
        {
            return false;
        }

        var target = order.Queue + (order.Group is { } group ? $" group {group}" : "");
        var what = order.Queue == RedriveOrder.Outbox ? "parked events" : "dead letters";
        await audit.AddAsync(connection, order.By, $"{order.Kind} {what}", target, order.Reason, count: null, id, ct);
        await transaction.CommitAsync(ct);
        return true;
    }

    public async Task<IReadOnlyList<RedriveJob>> ReadAsync(CancellationToken ct, Guid? id = null, string? running = null, int limit = 50)
    {
        await InterruptLostAsync(ct);
        await using var connection = new NpgsqlConnection(settings.Database);
        await connection.OpenAsync(ct);
        await using var command = Command(connection, $"""
            SELECT {Columns} FROM operations_jobs WHERE ($1::uuid IS NULL OR id = $1) AND ($2::text IS NULL OR (queue = $2 AND state = 'running'))
            ORDER BY started_at DESC, id DESC LIMIT $3
            """, id, running, limit);
        List<RedriveJob> jobs = [];
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            jobs.Add(new RedriveJob(
                reader.GetGuid(0), reader.GetString(1), reader.GetString(2), reader.GetValue(3) as string, reader.GetInt32(4),
                reader.GetValue(5) as string, reader.GetString(6), reader.GetString(7), reader.GetInt32(8), reader.GetInt32(9),
                reader.GetInt32(10), reader.GetFieldValue<DateTimeOffset>(11), reader.GetFieldValue<DateTimeOffset?>(12),
                reader.GetValue(13) as string, reader.GetValue(14) as string));
        }

        return jobs;
    }

    /// <summary>Records the progress; false where the job no longer runs, because somebody cancelled it.</summary>
    public async Task<bool> ProgressAsync(Guid id, int moved, int left, CancellationToken ct) => await ExecuteAsync(
        "UPDATE operations_jobs SET moved = $2, left_over = $3, seen_at = now() WHERE id = $1 AND state = 'running'", ct, id, moved, left) == 1;

    /// <summary>Ends it, unless it has ended.</summary>
    public Task EndAsync(Guid id, string state, CancellationToken ct, string? error = null) => ExecuteAsync(
        "UPDATE operations_jobs SET state = $2, error = $3, ended_at = now(), seen_at = now() WHERE id = $1 AND state = 'running'", ct, id, state, error);

    /// <summary>Cancels it, unless it has ended, with an entry in the audit trail.</summary>
    public async Task CancelAsync(Guid id, string by, CancellationToken ct)
    {
        await using var connection = new NpgsqlConnection(settings.Database);
        await connection.OpenAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await using var command = Command(connection, """
            UPDATE operations_jobs SET state = 'cancelled', cancelled_by = $2, ended_at = now(), seen_at = now() WHERE id = $1 AND state = 'running'
            RETURNING queue, moved
            """, id, by);
        (string Queue, int Moved)? cancelled = null;
        await using (var reader = await command.ExecuteReaderAsync(ct))
        {
            if (await reader.ReadAsync(ct))
            {
                cancelled = (reader.GetString(0), reader.GetInt32(1));
            }
        }

        if (cancelled is var (queue, moved))
        {
            await audit.AddAsync(connection, by, "cancel job", queue, reason: null, moved, id, ct);
        }

        await transaction.CommitAsync(ct);
    }

    private Task<int> InterruptLostAsync(CancellationToken ct) => ExecuteAsync(
        "UPDATE operations_jobs SET state = 'interrupted', ended_at = seen_at WHERE state = 'running' AND seen_at < now() - $1", ct, 3 * SeenEvery);

    private async Task<int> ExecuteAsync(string sql, CancellationToken ct, params object?[] values)
    {
        await using var connection = new NpgsqlConnection(settings.Database);
        await connection.OpenAsync(ct);
        await using var command = Command(connection, sql, values);
        return await command.ExecuteNonQueryAsync(ct);
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql, params object?[] values)
    {
        var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value ?? DBNull.Value });
        }

        return command;
    }
}
