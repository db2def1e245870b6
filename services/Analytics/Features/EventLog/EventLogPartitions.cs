using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Shop.Analytics.Persistence;

namespace Shop.Analytics.Features.EventLog;

/// <summary>
/// Maintains the log's monthly partitions: creates them ahead of time and for the months of late events, and drops those past retention.
/// Nothing depends on its timing: rows without a partition are in the default one, and move when their month gets one.
/// </summary>
internal sealed partial class EventLogPartitions(
    IServiceScopeFactory scopes, IOptions<EventLogSettings> settings, TimeProvider clock, ILogger<EventLogPartitions> logger)
    : BackgroundService
{
    // Often, so that few rows accumulate in the default partition, which is locked while they move.
    private static readonly TimeSpan s_every = TimeSpan.FromMinutes(10);

    // More rows would be locked for too long, and stay in the default partition, where they can be read as well.
    private const int MaxRowsToMove = 100_000;

    /// <summary>Creates the partitions from last month to <see cref="EventLogSchema.MonthsAhead"/> months ahead, where missing.</summary>
    /// <returns>How many were created.</returns>
    public static async Task<int> EnsureAsync(AnalyticsDbContext db, DateTimeOffset now, CancellationToken ct)
    {
        var today = DateOnly.FromDateTime(now.UtcDateTime);
        var created = await db.Database
            .SqlQuery<int>($"SELECT ensure_event_log_partitions({today.AddMonths(-1)}, {today.AddMonths(EventLogSchema.MonthsAhead)})")
            .ToListAsync(ct);
        return created[0];
    }

    /// <summary>Creates partitions for the months of events in the default one, each in its own transaction.</summary>
    /// <returns>How many were created. Implausible dates stay in the default partition.</returns>
    public static async Task<int> EnsureForLateEventsAsync(AnalyticsDbContext db, DateTimeOffset now, CancellationToken ct)
    {
        var months = await db.Database.SqlQuery<DateOnly>(
            $"""
            SELECT date_trunc('month', occurred_at AT TIME ZONE 'UTC')::date AS "Value" FROM event_log_default
            WHERE occurred_at BETWEEN {now.AddYears(-20)} AND {now.AddYears(2)}
            GROUP BY 1 HAVING count(*) <= {MaxRowsToMove}
            """).ToListAsync(ct);
        var created = 0;
        foreach (var month in months)
        {
            created += (await db.Database.SqlQuery<int>($"SELECT ensure_event_log_partitions({month}, {month})").ToListAsync(ct))[0];
        }

        return created;
    }

    /// <summary>Drops the partitions of months past the retention.</summary>
    /// <returns>How many were dropped; none while a rebuild reads the log.</returns>
    public static async Task<int> CutAsync(AnalyticsDbContext db, int months, DateTimeOffset now, CancellationToken ct)
    {
        var today = DateOnly.FromDateTime(now.UtcDateTime);
        var firstKept = new DateOnly(today.Year, today.Month, 1).AddMonths(-months);
        return (await db.Database.SqlQuery<int>($"SELECT cut_event_log({firstKept})").ToListAsync(ct))[0];
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(s_every, clock);
        do
        {
            try
            {
                await KeepAsync(stoppingToken);
            }
            catch (Exception e) when (e is DbException or TimeoutException or InvalidOperationException)
            {
                LogFailed(e.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task KeepAsync(CancellationToken ct)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<AnalyticsDbContext>();
        var now = clock.GetUtcNow();
        var created = await EnsureAsync(db, now, ct) + await EnsureForLateEventsAsync(db, now, ct);
        if (created > 0)
        {
            LogCreated(created);
        }

        if (settings.Value.EventLogRetentionMonths is > 0 and var months && await CutAsync(db, months, now, ct) is > 0 and var dropped)
        {
            LogCut(dropped, months);
        }
    }

    [LoggerMessage(LogLevel.Information, "Event log: created {Count} partitions")]
    private partial void LogCreated(int count);

    [LoggerMessage(LogLevel.Information, "Event log: dropped {Count} months; retention is {Months} whole months")]
    private partial void LogCut(int count, int months);

    [LoggerMessage(LogLevel.Warning, "Event log: maintaining partitions failed; events without a partition go to the default one: {Reason}")]
    private partial void LogFailed(string reason);
}
