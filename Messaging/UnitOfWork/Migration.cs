using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Npgsql;
using Polly;
using Polly.Retry;

namespace Shop.Messaging.UnitOfWork;

/// <summary>
/// Applies migrations without stopping running services: a statement that waits for a table lock blocks all
/// later ones on the table, so a migration waits only briefly, and retries after a lock timeout.
/// </summary>
public static partial class Migration
{
    /// <summary>How long a statement may wait for a lock, and so block others, in milliseconds.</summary>
    public const int LockTimeout = 2_000;

    private const int Attempts = 60;
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(1);

    /// <summary>Applies the context's pending migrations.</summary>
    /// <exception cref="PostgresException">
    /// A migration failed; with SQLSTATE 55P03, a transaction held its table for all attempts, about three minutes.
    /// </exception>
    public static Task ApplyAsync(DbContext db, ILogger logger, TimeProvider clock, CancellationToken ct) =>
        RetryOnLockTimeoutAsync(token => ApplyOnceAsync(db, token), logger, clock, ct);

    /// <summary>Retries the work on lock timeouts; each attempt must set <see cref="LockTimeout"/> itself.</summary>
    public static async Task RetryOnLockTimeoutAsync(Func<CancellationToken, Task> work, ILogger logger, TimeProvider clock, CancellationToken ct)
    {
        var retrying = new ResiliencePipelineBuilder { TimeProvider = clock }
            .AddRetry(new RetryStrategyOptions
            {
                ShouldHandle = new PredicateBuilder().Handle<Exception>(IsLockTimeout),
                MaxRetryAttempts = Attempts,
                Delay = s_pause,
                OnRetry = retry =>
                {
                    LogLockTimeout(logger, retry.AttemptNumber + 1, Attempts);
                    return ValueTask.CompletedTask;
                },
            })
            .Build();
        await retrying.ExecuteAsync(async token => await work(token), ct);
    }

    private static async Task ApplyOnceAsync(DbContext db, CancellationToken ct)
    {
        // Opened here, so that the setting applies to all migrations.
        await db.Database.OpenConnectionAsync(ct);
        try
        {
            await db.Database.ExecuteSqlAsync($"SELECT set_config('lock_timeout', {$"{LockTimeout}ms"}, false)", ct);
            await db.Database.MigrateAsync(ct);
        }
        finally
        {
            await db.Database.CloseConnectionAsync();
        }
    }

    private static bool IsLockTimeout(Exception exception) =>
        exception.GetBaseException() is PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable };

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "Migration timed out waiting for a table lock; attempt {Attempt} of {Attempts} follows")]
    private static partial void LogLockTimeout(ILogger logger, int attempt, int attempts);
}
