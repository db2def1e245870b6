using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Shop.Analytics.Persistence;

namespace Shop.Analytics.Features.EventLog;

/// <summary>
/// Keeps the log's monthly partitions ahead of the clock. Nothing depends on it being in time: what has no partition of its
/// own is in the default one, and moves when its month gets one.
/// </summary>
internal sealed partial class EventLogPartitions(
    IServiceScopeFactory scopes, TimeProvider clock, ILogger<EventLogPartitions> logger) : BackgroundService
{
    private static readonly TimeSpan s_every = TimeSpan.FromHours(6);

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

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(s_every, clock);
        do
        {
            try
            {
                await using var scope = scopes.CreateAsyncScope();
                var db = scope.ServiceProvider.GetRequiredService<AnalyticsDbContext>();
                var created = await EnsureAsync(db, clock.GetUtcNow(), stoppingToken);
                if (created > 0)
                {
                    LogCreated(created);
                }
            }
            catch (Exception e) when (e is DbException or TimeoutException or InvalidOperationException)
            {
                LogFailed(e.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    [LoggerMessage(LogLevel.Information, "Created {Count} partitions of the event log.")]
    private partial void LogCreated(int count);

    [LoggerMessage(LogLevel.Warning, "Creating partitions of the event log failed; events go to the default partition meanwhile: {Reason}")]
    private partial void LogFailed(string reason);
}
