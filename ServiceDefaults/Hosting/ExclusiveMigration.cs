using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Shop.ServiceDefaults.Hosting;

/// <summary>
/// One run of <c>migrate</c> at a time per database: several pods start together, each with its own run (docs/adr/0016). EF's own
/// lock ends with its transaction, and <c>migrate</c> does more after it.
/// </summary>
internal static partial class ExclusiveMigration
{
    /// <summary>The class of the relay's locks, whose objects are its partitions.</summary>
    private const int LockClass = 0x53484F50;

    /// <summary>Not one of the relay's objects.</summary>
    private const int LockObject = 1_000;

    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(500);

    /// <summary>Runs the work under a session lock, which ends with this process at the latest.</summary>
    public static async Task RunAsync(DbContext db, Func<Task> work, ILogger logger, TimeProvider clock, CancellationToken ct)
    {
        var settings = new NpgsqlConnectionStringBuilder(db.Database.GetConnectionString()) { Pooling = false, ApplicationName = "migrate" };
        await using var connection = new NpgsqlConnection(settings.ConnectionString);
        await connection.OpenAsync(ct);
        await using var command = new NpgsqlCommand($"SELECT pg_try_advisory_lock({LockClass}, {LockObject})", connection);

        // Polled, not waited for: a waiting statement would block the other run's CREATE INDEX CONCURRENTLY.
        for (var notified = false; !(bool)(await command.ExecuteScalarAsync(ct))!; notified = true)
        {
            if (!notified)
            {
                LogWaiting(logger);
            }

            await Task.Delay(s_pause, clock, ct);
        }

        await work();
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Another migration of this database is running: waiting for it to end")]
    private static partial void LogWaiting(ILogger logger);
}
