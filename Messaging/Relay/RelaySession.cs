using System.Data;
using System.Data.Common;
using Npgsql;
using NpgsqlTypes;
using Shop.Messaging.Outbox;

namespace Shop.Messaging.Relay;

/// <summary>The relay's store in the service's database.</summary>
internal sealed class RelayStore(MessagingSettings settings) : IRelayStore
{
    public async Task<IRelaySession> OpenAsync(CancellationToken ct) =>
        await RelaySession.OpenAsync(settings.Database, settings.Service, settings.RelayLease, ct);
}

/// <summary>
/// A relay's own connection to the database: it claims rows and holds the partitions' session locks, so that losing the
/// session releases both and a paused relay cannot undo another's work. The server ends an idle session.
/// </summary>
internal sealed class RelaySession : IRelaySession
{
    /// <summary>The namespace of the advisory locks ("SHOP"): object 0 is shared by all relays, object 1 + n is partition n.</summary>
    public const int LockClass = 0x53484F50;

    // Reading pg_locks scans all locks of the server, which takes longer than a small claim. The dead rows of a second's small claims
    // are quickly skipped, those of a large backlog are not.
    private const int ObserveEveryMilliseconds = 1_000;
    private const int ObserveSoonerMilliseconds = 100;
    private const int ManyRows = 1_000;

    private readonly NpgsqlConnection _connection;
    private readonly SortedSet<short> _held = [];
    private readonly OutboxFloor _floor = new();
    private long _observedAt = -ObserveEveryMilliseconds;
    private int _claimedSinceObserved;

    private RelaySession(NpgsqlConnection connection) => _connection = connection;

    public IReadOnlyCollection<short> Held => _held;

    public bool HoldsAll => _held.Count == OutboxMessage.Partitions;

    /// <summary>The seq at which claims start.</summary>
    public long Floor => _floor.Value;

    /// <summary>The session's process id at the server.</summary>
    public int BackendId => _connection.ProcessID;

    public static async Task<RelaySession> OpenAsync(string connectionString, string name, TimeSpan lease, CancellationToken ct)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString)
        {
            Pooling = false,
            ApplicationName = name + " relay",
            Enlist = false,
            MaxAutoPrepare = 20,
        };
        var connection = new NpgsqlConnection(settings.ConnectionString);
        try
        {
            await connection.OpenAsync(ct);
            var session = new RelaySession(connection);
            var milliseconds = (int)lease.TotalMilliseconds;
            await session.ExecuteAsync(
                $"SET idle_in_transaction_session_timeout = {milliseconds}; SET idle_session_timeout = {milliseconds}; "
                // A plan cached while the table was nearly empty would scan all of it later.
                + "SET enable_seqscan = off; SET enable_bitmapscan = off; SET jit = off; "
                // Its commits only delete what is confirmed: the server's crash may lose the last of them, which repeats those events.
                + "SET synchronous_commit = off; "
                + $"SELECT pg_advisory_lock_shared({LockClass}, 0)", ct);
            return session;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    public async Task<int> CountRelaysAsync(CancellationToken ct) => Convert.ToInt32(await ScalarAsync(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND objid = 0 AND granted "
        + $"AND classid = {LockClass} AND database = (SELECT oid FROM pg_database WHERE datname = current_database())", ct));

    public async Task LockAsync(int atMost, CancellationToken ct)
    {
        // Evaluated row by row up to the limit: without a sort, no lock is taken beyond it.
        var free = Enumerable.Range(0, OutboxMessage.Partitions).Select(partition => (short)partition).Except(_held).ToArray();
        await using var command = Command(
            $"SELECT partition FROM unnest($1) AS partition WHERE pg_try_advisory_lock({LockClass}, partition + 1) LIMIT $2", free, atMost);
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            _held.Add(reader.GetInt16(0));
            _floor.Reset();
        }
    }

    public async Task UnlockAsync(short partition, CancellationToken ct)
    {
        await ExecuteAsync($"SELECT pg_advisory_unlock({LockClass}, {partition + 1})", ct);
        _held.Remove(partition);
    }

    // Each statement sees what was committed before it; OutboxFloor relies on it.
    public async Task<DbTransaction> BeginAsync(CancellationToken ct) => await _connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, ct);

    public async Task<List<OutboxRow>> ClaimAsync(int size, CancellationToken ct)
    {
        await ObserveWritersAsync(ct);
        var mine = HoldsAll ? "" : "AND partition = ANY ($3)";
        await using var command = Command(
            $"DELETE FROM outbox WHERE ctid = ANY (ARRAY(SELECT ctid FROM outbox WHERE seq >= $2 {mine} ORDER BY seq LIMIT $1)) "
            + "RETURNING seq, event_id, stream, partition, type, headers, body", size, _floor.Value);
        if (!HoldsAll)
        {
            command.Parameters.Add(Partitions());
        }

        // RETURNING is unordered.
        var rows = await ReadAsync(command, ct);
        rows.Sort((left, right) => left.Seq.CompareTo(right.Seq));
        _floor.Claimed(rows);
        _claimedSinceObserved += rows.Count;
        return rows;
    }

    public Task PutBackAsync(IReadOnlyList<OutboxRow> rows, CancellationToken ct) => InsertAsync(
        "INSERT INTO outbox (position, seq, event_id, stream, partition, type, headers, body) OVERRIDING SYSTEM VALUE "
        + "SELECT -1, * FROM unnest($1, $2, $3, $4, $5, $6, $7)", rows, ct);

    public Task ParkAsync(IReadOnlyList<OutboxRow> rows, CancellationToken ct) => InsertAsync(
        "INSERT INTO outbox_parked SELECT *, 0, now(), now(), '' FROM unnest($1, $2, $3, $4, $5, $6, $7)",
        rows, ct);

    public async Task FailParkedAsync(long seq, TimeSpan delay, string error, CancellationToken ct)
    {
        await using var command = Command(
            "UPDATE outbox_parked SET attempts = attempts + 1, next_attempt_at = clock_timestamp() + $2, error = $3 "
            + "WHERE seq = $1", seq, delay, error);
        await command.ExecuteNonQueryAsync(ct);
    }

    public async Task<int> AttemptsOfAsync(long seq, CancellationToken ct) =>
        Convert.ToInt32(await ScalarAsync($"SELECT attempts FROM outbox_parked WHERE seq = {seq}", ct));

    public async Task DeleteParkedAsync(IReadOnlyCollection<long> seqs, CancellationToken ct)
    {
        await using var command = Command("DELETE FROM outbox_parked WHERE seq = ANY ($1)", seqs.ToArray());
        await command.ExecuteNonQueryAsync(ct);
    }

    public async Task<HashSet<string>> ParkedStreamsAsync(CancellationToken ct)
    {
        await using var command = Command("SELECT DISTINCT stream FROM outbox_parked WHERE partition = ANY ($1)");
        command.Parameters.Add(Partitions());
        HashSet<string> streams = [];
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            streams.Add(reader.GetString(0));
        }

        return streams;
    }

    // Locked until the confirm is committed: nobody discards an event that is being published.
    public async Task<List<OutboxRow>> DueAsync(int size, CancellationToken ct)
    {
        await using var command = Command(
            """
            SELECT seq, event_id, stream, partition, type, headers, body FROM outbox_parked WHERE stream IN (
                SELECT stream FROM (SELECT DISTINCT ON (partition, stream) stream, next_attempt_at FROM outbox_parked
                    WHERE partition = ANY ($2) ORDER BY partition, stream, seq) AS head
                WHERE next_attempt_at <= now())
            ORDER BY seq LIMIT $1 FOR UPDATE
            """, size);
        command.Parameters.Add(Partitions());
        return await ReadAsync(command, ct);
    }

    public Task NotifyAsync(CancellationToken ct) => ExecuteAsync($"NOTIFY {OutboxListener.Channel}", ct);

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    private async Task ObserveWritersAsync(CancellationToken ct)
    {
        var now = Environment.TickCount64;
        if (now - _observedAt < (_claimedSinceObserved < ManyRows ? ObserveEveryMilliseconds : ObserveSoonerMilliseconds))
        {
            return;
        }

        (_observedAt, _claimedSinceObserved) = (now, 0);
        await using var command = Command(
            """
            SELECT DISTINCT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND relation = 'outbox'::regclass
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND mode NOT IN ('AccessShareLock', 'RowShareLock', 'ShareUpdateExclusiveLock') AND pid IS DISTINCT FROM pg_backend_pid()
            """);
        HashSet<string> writers = [];
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            writers.Add(reader.GetString(0));
        }

        _floor.Observe(writers);
    }

    private NpgsqlParameter Partitions() =>
        new() { Value = _held.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Smallint };

    private NpgsqlCommand Command(string sql, params object[] values)
    {
        var command = new NpgsqlCommand(sql, _connection);
        foreach (var value in values)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        }

        return command;
    }

    private async Task InsertAsync(string sql, IReadOnlyList<OutboxRow> rows, CancellationToken ct)
    {
        await using var command = Command(sql,
            rows.Select(row => row.Seq).ToArray(), rows.Select(row => row.EventId).ToArray(),
            rows.Select(row => row.Stream).ToArray(), rows.Select(row => row.Partition).ToArray(),
            rows.Select(row => row.Type).ToArray(), rows.Select(row => row.Headers).ToArray(),
            rows.Select(row => row.Body).ToArray());
        await command.ExecuteNonQueryAsync(ct);
    }

    private static async Task<List<OutboxRow>> ReadAsync(NpgsqlCommand command, CancellationToken ct)
    {
        List<OutboxRow> rows = [];
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            rows.Add(new OutboxRow(reader.GetInt64(0), reader.GetGuid(1), reader.GetString(2), reader.GetInt16(3),
                reader.GetString(4), reader.GetString(5), reader.GetFieldValue<byte[]>(6)));
        }

        return rows;
    }

    private async Task ExecuteAsync(string sql, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(sql, _connection);
        await command.ExecuteNonQueryAsync(ct);
    }

    private async Task<object?> ScalarAsync(string sql, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(sql, _connection);
        return await command.ExecuteScalarAsync(ct);
    }
}
