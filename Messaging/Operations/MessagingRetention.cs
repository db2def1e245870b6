using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Shop.Messaging.Inbox;

namespace Shop.Messaging.Operations;

/// <summary>
/// Creates the inbox's partitions ahead of time and removes what is past its retention: partitions as a whole, and other rows
/// in bounded batches. No lock is held for long. Any number of instances may run it concurrently, and nothing depends on its
/// timing. Business keys still detect duplicates after an inbox row is removed.
/// </summary>
internal sealed partial class MessagingRetention(MessagingSettings settings, TimeProvider clock, ILogger<MessagingRetention> logger)
    : BackgroundService
{
    // A partition with more late rows than this waits until they are old too.
    private const int MaxLateRows = 10_000;

    private const int BatchSize = 5_000;

    private static readonly (string Table, string Column, TimeSpan Kept)[] s_operations =
    [
        ("operations_audit", "at", AuditTrail.Retention), ("operations_jobs", "started_at", AuditTrail.Retention),
        ("outbox_discarded", "discarded_at", AuditTrail.Retention), ("event_traffic", "hour", EventTraffic.Retention),
    ];

    private static readonly TimeSpan s_every = TimeSpan.FromMinutes(10);

    /// <summary>Creates the partitions from yesterday to <see cref="InboxSchema.DaysAhead"/> days ahead, where missing.</summary>
    /// <returns>How many were created.</returns>
    internal async Task<int> CreatePartitionsAsync(CancellationToken ct)
    {
        var today = DateOnly.FromDateTime(clock.GetUtcNow().UtcDateTime);
        await using var connection = await OpenAsync(ct);
        await using var command = new NpgsqlCommand("SELECT ensure_inbox_partitions($1, $2)", connection)
        {
            Parameters = { new() { Value = today.AddDays(-1) }, new() { Value = today.AddDays(InboxSchema.DaysAhead) } },
        };
        return (int)(await command.ExecuteScalarAsync(ct))!;
    }

    /// <summary>Drops the partitions of events recorded before a time; what was processed since then stays.</summary>
    /// <returns>The dropped partitions.</returns>
    internal async Task<IReadOnlyList<string>> DropPartitionsAsync(DateTimeOffset before, CancellationToken ct)
    {
        await using var connection = await OpenAsync(ct);
        List<string> dropped = [];
        while (true)
        {
            // One at a time: the lock that keeps consumers out ends with each.
            await using var command = new NpgsqlCommand("SELECT drop_old_inbox_partition($1, $2)", connection)
            {
                Parameters = { new() { Value = before }, new() { Value = MaxLateRows } },
            };
            if (await command.ExecuteScalarAsync(ct) is not string name)
            {
                return dropped;
            }

            dropped.Add(name);
        }
    }

    internal async Task<int> RemoveAsync(string table, string column, DateTimeOffset before, CancellationToken ct)
    {
        await using var connection = await OpenAsync(ct);
        var removed = 0;
        int batch;
        do
        {
            await using var command = new NpgsqlCommand(
                $"DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {table} WHERE {column} < $1 LIMIT {BatchSize} FOR UPDATE SKIP LOCKED))",
                connection)
            {
                Parameters = { new() { Value = before } },
            };
            batch = await command.ExecuteNonQueryAsync(ct);
            removed += batch;
        }
        while (batch == BatchSize);
        return removed;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(s_every, clock);
        do
        {
            var now = clock.GetUtcNow();
            await TryAsync("Creating inbox partitions", CreatePartitionsAsync(stoppingToken));
            await TryAsync("Dropping old inbox partitions", DropPartitionsAsync(now - settings.InboxRetention, stoppingToken));
            await TryAsync("Removing old rows of inbox_default",
                RemoveAsync("inbox_default", "processed_at", now - settings.InboxRetention, stoppingToken));
            foreach (var (table, column, kept) in s_operations)
            {
                await TryAsync($"Removing old rows of {table}", RemoveAsync(table, column, now - kept, stoppingToken));
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken).AsTask().ContinueWith(tick => tick.IsCompletedSuccessfully && tick.Result,
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default));
    }

    private async Task TryAsync(string what, Task work)
    {
        try
        {
            await work;
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException or OperationCanceledException)
        {
            LogFailed(what, e.Message);
        }
    }

    private async Task<NpgsqlConnection> OpenAsync(CancellationToken ct)
    {
        var connection = new NpgsqlConnection(settings.Database);
        await connection.OpenAsync(ct);
        return connection;
    }

    [LoggerMessage(LogLevel.Warning, "{What} failed; retried in the next round: {Reason}")]
    private partial void LogFailed(string what, string reason);
}
