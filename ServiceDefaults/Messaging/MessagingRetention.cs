using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Shop.ServiceDefaults.Http;

namespace Shop.ServiceDefaults.Messaging;

/// <summary>
/// Removes what has been kept long enough, in bounded batches that lock nothing for long. Any number of instances may do it
/// at once. Business keys still hold after an inbox row is gone.
/// </summary>
internal sealed partial class MessagingRetention(MessagingSettings settings, TimeProvider clock, ILogger<MessagingRetention> logger)
    : BackgroundService
{
    private const int BatchSize = 5_000;
    private static readonly TimeSpan s_every = TimeSpan.FromMinutes(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(s_every, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken).AsTask().ContinueWith(tick => tick.IsCompletedSuccessfully && tick.Result,
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default))
        {
            try
            {
                var now = clock.GetUtcNow();
                await RemoveAsync("inbox", "processed_at", now - settings.InboxRetention, stoppingToken);
                await RemoveAsync("idempotency_keys", "created_at", now - IdempotencyMiddleware.Retention, stoppingToken);
            }
            catch (Exception e) when (e is NpgsqlException or TimeoutException or OperationCanceledException)
            {
                LogFailed(e.Message);
            }
        }
    }

    internal async Task<int> RemoveAsync(string table, string column, DateTimeOffset before, CancellationToken ct)
    {
        await using var connection = new NpgsqlConnection(settings.Database);
        await connection.OpenAsync(ct);
        var removed = 0;
        int batch;
        do
        {
            await using var command = new NpgsqlCommand(
                $"DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {table} WHERE {column} < $1 LIMIT {BatchSize} FOR UPDATE SKIP LOCKED))",
                connection)
            {
                Parameters = { new NpgsqlParameter { Value = before } },
            };
            batch = await command.ExecuteNonQueryAsync(ct);
            removed += batch;
        }
        while (batch == BatchSize);
        return removed;
    }

    [LoggerMessage(LogLevel.Warning, "Removing old messaging rows failed; the next round tries again: {Reason}")]
    private partial void LogFailed(string reason);
}
