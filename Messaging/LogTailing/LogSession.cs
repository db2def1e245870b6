using Npgsql;
using NpgsqlTypes;
using Polly;
using Polly.Retry;
using Shop.Messaging.Relay;
using Shop.Messaging.UnitOfWork;

namespace Shop.Messaging.LogTailing;

/// <summary>The streams with waiting or parked rows; where there are many rows, all streams.</summary>
internal sealed record WaitingStreams(bool All, IReadOnlySet<string> Streams)
{
    public bool Any => All || Streams.Count > 0;

    public bool Contains(string stream) => All || Streams.Contains(stream);
}

/// <summary>
/// The ordinary session beside the reader's. It holds the leader lock, which is released when the session closes. The
/// server ends an idle session.
/// </summary>
internal sealed class LogSession : IAsyncDisposable
{
    /// <summary>Beside the partitions' locks, in <see cref="RelaySession.LockClass"/>.</summary>
    public const int LeaderLock = 100;

    private const int SetupLock = 101;
    private const int ManyRows = 1_000;

    private readonly NpgsqlConnection _connection;

    private LogSession(NpgsqlConnection connection) => _connection = connection;

    public static async Task<LogSession> OpenAsync(MessagingSettings settings, CancellationToken ct)
    {
        var own = new NpgsqlConnectionStringBuilder(settings.Database)
        {
            Pooling = false,
            ApplicationName = settings.Service + " log relay",
            Enlist = false,
            MaxAutoPrepare = 20,
        };
        var connection = new NpgsqlConnection(own.ConnectionString);
        try
        {
            await connection.OpenAsync(ct);
            var session = new LogSession(connection);
            await session.ExecuteAsync($"SET idle_session_timeout = {(int)settings.RelayLease.TotalMilliseconds}", ct);
            return session;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    public async Task<LogState> StateAsync(CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(LogSlot.Select, _connection);
        await using var reader = await command.ExecuteReaderAsync(ct);
        await reader.ReadAsync(ct);
        return new LogState(
            reader.GetString(0), reader.GetBoolean(1), reader.GetBoolean(2), reader.GetBoolean(3),
            await reader.IsDBNullAsync(4, ct) ? null : reader.GetString(4), reader.GetBoolean(5), reader.GetString(6),
            reader.GetInt64(7), reader.GetInt64(8), reader.GetInt64(9));
    }

    /// <summary>Tries to take the leader lock. It does not wait for it: a waiting session holds back vacuum.</summary>
    public async Task<bool> TryLeadAsync(CancellationToken ct) =>
        (bool)(await ScalarAsync($"SELECT pg_try_advisory_lock({RelaySession.LockClass}, {LeaderLock})", ct))!;

    /// <summary>Whether any relay is connected, polling or tailing, also one that has not started reading yet.</summary>
    public async Task<bool> AnyRelayAsync(CancellationToken ct) => (bool)(await ScalarAsync(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND granted "
        + $"AND classid = {RelaySession.LockClass} AND objid IN (0, {LeaderLock}) "
        + "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))", ct))!;

    /// <summary>Tries to lock setup and removal of log tailing until this session ends.</summary>
    public async Task<bool> TryLockSetupAsync(CancellationToken ct) =>
        (bool)(await ScalarAsync($"SELECT pg_try_advisory_lock({RelaySession.LockClass}, {SetupLock})", ct))!;

    /// <summary>
    /// The streams whose events in the log must wait behind rows. Rows that a relay has claimed count until its commit, that is, until they
    /// are confirmed: a claim is an uncommitted deletion. When events no longer go to the log, the rows that
    /// services inserted are newer than the log; those that relays inserted, with a negative position, are older.
    /// </summary>
    public async Task<WaitingStreams> WaitingStreamsAsync(bool olderThanLog, CancellationToken ct)
    {
        var which = olderThanLog ? "" : "WHERE position < 0";
        await using var command = new NpgsqlCommand(
            $"(SELECT stream FROM outbox {which} LIMIT {ManyRows}) UNION ALL (SELECT DISTINCT stream FROM outbox_parked LIMIT {ManyRows})", _connection);
        await using var reader = await command.ExecuteReaderAsync(ct);
        HashSet<string> streams = [];
        var rows = 0;
        while (await reader.ReadAsync(ct))
        {
            rows++;
            streams.Add(reader.GetString(0));
        }

        return new WaitingStreams(rows >= ManyRows, streams);
    }

    /// <summary>
    /// Stores events as rows, which a polling relay publishes in this order. An event that is read from the log twice is stored
    /// twice: a duplicate.
    /// </summary>
    public async Task StoreAsync(IReadOnlyList<OutboxRow> rows, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            INSERT INTO outbox (position, event_id, stream, partition, type, headers, body)
            SELECT -1, event_id, stream, partition, type, headers, body
            FROM unnest($1, $2, $3, $4, $5, $6) WITH ORDINALITY AS logged (event_id, stream, partition, type, headers, body, place)
            ORDER BY place
            """, _connection)
        {
            Parameters =
            {
                new() { Value = rows.Select(row => row.EventId).ToArray() },
                new() { Value = rows.Select(row => row.Stream).ToArray() },
                new() { Value = rows.Select(row => row.Partition).ToArray() },
                new() { Value = rows.Select(row => row.Type).ToArray() },
                new() { Value = rows.Select(row => row.Headers).ToArray() },
                new() { Value = rows.Select(row => row.Body).ToArray() },
            },
        };
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>Writes a message into the log that the reader can confirm; returns its position.</summary>
    public async Task<NpgsqlLogSequenceNumber> HeartbeatAsync(CancellationToken ct) =>
        NpgsqlLogSequenceNumber.Parse((string)(await ScalarAsync(LogSlot.Heartbeat, ct))!);

    /// <summary>The current end of the log: every event committed until now is before it.</summary>
    public async Task<NpgsqlLogSequenceNumber> EndOfLogAsync(CancellationToken ct) =>
        NpgsqlLogSequenceNumber.Parse((string)(await ScalarAsync("SELECT pg_current_wal_insert_lsn()::text", ct))!);

    public async Task CreateSlotAsync(LogState state, CancellationToken ct)
    {
        if (!(bool)(await ScalarAsync($"SELECT EXISTS (SELECT FROM pg_publication WHERE pubname = '{LogSlot.Publication}')", ct))!)
        {
            await ExecuteAsync(LogSlot.CreatePublication, ct); // before the slot: the plugin needs the publication
        }

        if (!state.HasSlot)
        {
            await ExecuteAsync(LogSlot.CreateSlot, ct); // waits for all open transactions of the cluster
        }
    }

    /// <summary>Drops the slot. Its reader must have ended, which the server may notice with a delay.</summary>
    public async Task RemoveSlotAsync(CancellationToken ct)
    {
        var drop = new ResiliencePipelineBuilder()
            .AddRetry(new RetryStrategyOptions
            {
                ShouldHandle = new PredicateBuilder().Handle<PostgresException>(e => e.SqlState == PostgresErrorCodes.ObjectInUse),
                MaxRetryAttempts = 100,
                Delay = TimeSpan.FromMilliseconds(50),
            })
            .Build();
        await drop.ExecuteAsync(async token => await ExecuteAsync($"SELECT pg_drop_replication_slot({LogSlot.NameOfSlot})", token), ct);
        await ExecuteAsync(LogSlot.DropRest, ct);
    }

    /// <summary>Alters the table outbox; throws on a lock timeout.</summary>
    public Task AlterAsync(string sql, CancellationToken ct) => ExecuteAsync($"SET lock_timeout = {Migration.LockTimeout}; {sql}", ct);

    public async Task ExecuteAsync(string sql, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(sql, _connection) { CommandTimeout = 120 };
        await command.ExecuteNonQueryAsync(ct);
    }

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    private async Task<object?> ScalarAsync(string sql, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(sql, _connection);
        return await command.ExecuteScalarAsync(ct);
    }
}
