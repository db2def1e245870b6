using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Npgsql;
using Polly;
using Polly.Retry;

namespace Shop.Messaging.UnitOfWork;

/// <summary>
/// Applies migrations without stopping a service that still runs: whoever waits for a table's lock makes everybody who comes
/// later wait too, so a migration waits only briefly, gives way, and tries again.
/// </summary>
public static partial class Migration
{
    /// <summary>How long a statement may wait for a lock, in milliseconds, and so how long it holds others up.</summary>
    public const int LockTimeout = 2_000;

    private const int Attempts = 60;
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(1);

    /// <summary>Applies what is missing of the context's migrations.</summary>
    /// <exception cref="PostgresException">
    /// A migration failed; with SQLSTATE 55P03, some transaction held its table for all of the about three minutes.
    /// </exception>
    public static Task ApplyAsync(DbContext db, ILogger logger, TimeProvider clock, CancellationToken ct) =>
        GiveWayAsync(token => ApplyOnceAsync(db, token), logger, clock, ct);

    /// <summary>Does the work until it gets its locks; each attempt must set <see cref="LockTimeout"/> itself.</summary>
    public static async Task GiveWayAsync(Func<CancellationToken, Task> work, ILogger logger, TimeProvider clock, CancellationToken ct)
    {
        var givingWay = new ResiliencePipelineBuilder { TimeProvider = clock }
            .AddRetry(new RetryStrategyOptions
            {
                ShouldHandle = new PredicateBuilder().Handle<Exception>(IsLockTimeout),
                MaxRetryAttempts = Attempts,
                Delay = s_pause,
                OnRetry = retry =>
                {
                    LogGivingWay(logger, retry.AttemptNumber + 1, Attempts);
                    return ValueTask.CompletedTask;
                },
            })
            .Build();
        await givingWay.ExecuteAsync(async token => await work(token), ct);
    }

    private static async Task ApplyOnceAsync(DbContext db, CancellationToken ct)
    {
        // Opened here, so that it is one session from the setting to the last migration.
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
        Message = "A migration waits for a table that a transaction holds: gave way, attempt {Attempt} of {Attempts} follows")]
    private static partial void LogGivingWay(ILogger logger, int attempt, int attempts);
}
