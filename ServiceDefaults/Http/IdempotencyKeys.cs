using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Shop.ServiceDefaults.Http;

/// <summary>The table of the stored responses to requests with an Idempotency-Key.</summary>
public static class IdempotencyKeys
{
    /// <summary>Creates the table. Never change it: add a new step for a new version.</summary>
    public static void CreateIdempotencyKeys(this MigrationBuilder migration)
    {
        ArgumentNullException.ThrowIfNull(migration);
        migration.Sql("""
            CREATE TABLE idempotency_keys (
                caller text NOT NULL,
                key text NOT NULL,
                request_hash bytea NOT NULL,
                status integer NOT NULL,
                headers text NOT NULL,
                body bytea NOT NULL,
                created_at timestamptz NOT NULL,
                CONSTRAINT idempotency_keys_pkey PRIMARY KEY (caller, key)
            );
            CREATE INDEX idempotency_keys_created_at ON idempotency_keys USING brin (created_at) WITH (pages_per_range = 16);
            """);
    }

    /// <summary>Drops what <see cref="CreateIdempotencyKeys"/> made.</summary>
    public static void DropIdempotencyKeys(this MigrationBuilder migration)
    {
        ArgumentNullException.ThrowIfNull(migration);
        migration.Sql("DROP TABLE idempotency_keys;");
    }
}

/// <summary>Removes keys that are older than <see cref="IdempotencyMiddleware.Retention"/>. Nothing depends on its timing.</summary>
internal sealed partial class IdempotencyRetention(IConfiguration configuration, TimeProvider clock, ILogger<IdempotencyRetention> logger)
    : BackgroundService
{
    private const int BatchSize = 5_000;
    private static readonly TimeSpan s_every = TimeSpan.FromMinutes(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(s_every, clock);
        do
        {
            try
            {
                await RemoveAsync(clock.GetUtcNow() - IdempotencyMiddleware.Retention, stoppingToken);
            }
            catch (Exception e) when (e is NpgsqlException or TimeoutException or OperationCanceledException)
            {
                LogFailed(e.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken).AsTask().ContinueWith(tick => tick.IsCompletedSuccessfully && tick.Result,
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default));
    }

    // In bounded batches: no lock is held for long, and any number of instances may run it concurrently.
    private async Task RemoveAsync(DateTimeOffset before, CancellationToken ct)
    {
        await using var connection = new NpgsqlConnection(configuration.GetConnectionString("Database"));
        await connection.OpenAsync(ct);
        await using var command = new NpgsqlCommand($"""
            DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM idempotency_keys WHERE created_at < $1 LIMIT {BatchSize} FOR UPDATE SKIP LOCKED))
            """, connection)
        {
            Parameters = { new() { Value = before } },
        };
        while (await command.ExecuteNonQueryAsync(ct) == BatchSize)
        {
        }
    }

    [LoggerMessage(LogLevel.Warning, "Removing old idempotency keys failed; retried in the next round: {Reason}")]
    private partial void LogFailed(string reason);
}
