using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Shop.ServiceDefaults.Hosting;

/// <summary>
/// One run of <c>migrate</c> at a time in a database: several pods start together, each with a run of its own (docs/adr/0016). EF's own
/// lock ends with its transaction, and <c>migrate</c> does more than that.
/// </summary>
internal static partial class LoneMigration
{
    /// <summary>The relay's locks have the same; their objects are its partitions.</summary>
    private const int LockClass = 0x53484F50;

    /// <summary>Beyond them.</summary>
    private const int LockObject = 1_000;

    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(500);

    /// <summary>Does the work when no other run is at work. The lock is a session's of its own, and so ends with this process at the latest.</summary>
    public static async Task RunAsync(DbContext db, Func<Task> work, ILogger logger, TimeProvider clock, CancellationToken ct)
    {
        var settings = new NpgsqlConnectionStringBuilder(db.Database.GetConnectionString()) { Pooling = false, ApplicationName = "migrate" };
        await using var connection = new NpgsqlConnection(settings.ConnectionString);
        await connection.OpenAsync(ct);
        await using var command = new NpgsqlCommand($"SELECT pg_try_advisory_lock({LockClass}, {LockObject})", connection);

        // Asked again and again rather than waited for: who waits in a statement holds up what the other run builds concurrently.
        for (var told = false; !(bool)(await command.ExecuteScalarAsync(ct))!; told = true)
        {
            if (!told)
            {
                LogWaiting(logger);
            }

            await Task.Delay(s_pause, clock, ct);
        }

        await work();
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Another run migrates this database: waiting until it has ended")]
    private static partial void LogWaiting(ILogger logger);
}
