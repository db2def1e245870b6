using Microsoft.EntityFrameworkCore;
using Npgsql;
using Shop.Analytics.Persistence;
using Shop.Messaging;

namespace Shop.Analytics.Features.Projections;

/// <summary>Why a rebuild cannot be started.</summary>
internal enum StartRefusal
{
    None,
    Running,
    LogCut,
    Busy,
}

/// <summary>
/// Rebuilds projections from the log while events are received. Each step is one transaction that locks the rebuild's row, so
/// that any number of instances may run steps, and a crash leaves no partial step.
/// </summary>
internal sealed class ProjectionRebuilds(AnalyticsDbContext db, ProjectionCatalog projections, TimeProvider clock)
{
    public const int BatchSize = 1_000;

    // Consumers queue behind a waiting lock request: hence a short timeout and a retry.
    private const string LockSql = "SET LOCAL lock_timeout = '2s'; SELECT lock_projections();";

    /// <summary>
    /// Starts a rebuild: empties the shadow and begins a new epoch, while no event is logged but uncommitted.
    /// </summary>
    public async Task<(ProjectionRebuild? Started, StartRefusal Refusal)> StartAsync(Projection projection, DateOnly? from, CancellationToken ct)
    {
        // A request with an Idempotency-Key is in a transaction already.
        await using var transaction = db.Database.CurrentTransaction is null ? await db.Database.BeginTransactionAsync(ct) : null;
        try
        {
            await db.Database.ExecuteSqlRawAsync(LockSql, ct);
            if (await db.Rebuilds.AnyAsync(r => r.Projection == projection.Name && r.State == ProjectionRebuild.Running, ct))
            {
                return (null, StartRefusal.Running);
            }

            var keptFrom = await KeptFromAsync(ct);
            if (keptFrom is not null && (from is null || from < keptFrom))
            {
                return (null, StartRefusal.LogCut);
            }

            var rebuild = await BeginAsync(projection, from, ct);
            await (transaction?.CommitAsync(ct) ?? Task.CompletedTask);
            return (rebuild, StartRefusal.None);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            return (null, StartRefusal.Busy);
        }
    }

    /// <summary>The first day that the log covers completely; null where nothing was ever dropped.</summary>
    public async Task<DateOnly?> KeptFromAsync(CancellationToken ct) =>
        (await db.Database.SqlQuery<DateOnly?>($"SELECT kept_from AS \"Value\" FROM event_log_state").ToListAsync(ct))[0];

    /// <summary>Runs the next step of a rebuild that no other instance has locked.</summary>
    /// <returns>False where there is nothing to do.</returns>
    public async Task<bool> StepAsync(CancellationToken ct)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var rebuild = (await db.Rebuilds.FromSql(
            $"SELECT * FROM projection_rebuilds WHERE state = 'running' ORDER BY started_at LIMIT 1 FOR UPDATE SKIP LOCKED")
            .AsNoTracking().ToListAsync(ct)).SingleOrDefault();
        if (rebuild is null)
        {
            return false;
        }

        try
        {
            if (!await AdvanceAsync(rebuild, ct))
            {
                return false;
            }

            await transaction.CommitAsync(ct);
        }
        catch (Exception e) when (e is not OperationCanceledException && !IsTransient(e))
        {
            await transaction.RollbackAsync(CancellationToken.None);
            await FailAsync(rebuild, e.Message, ct);
        }

        return true;
    }

    private async Task<ProjectionRebuild> BeginAsync(Projection projection, DateOnly? from, CancellationToken ct)
    {
        await db.Database.ExecuteSqlRawAsync(projection.EmptyShadowSql, ct);
        if (from is { } day)
        {
            await db.Database.ExecuteSqlRawAsync(projection.KeepSql, [day], ct);
        }

        var epoch = await db.Database.SqlQuery<int>($"UPDATE event_log_state SET epoch = epoch + 1 RETURNING epoch AS \"Value\"").ToListAsync(ct);
        var now = clock.GetUtcNow();
        var rebuild = new ProjectionRebuild
        {
            Id = Guid.CreateVersion7(now),
            Projection = projection.Name,
            Epoch = epoch[0],
            FromDay = from,
            AfterTime = from is { } first ? new DateTimeOffset(first, TimeOnly.MinValue, TimeSpan.Zero) : DateTimeOffset.MinValue,
            AfterEvent = Guid.Empty,
            StartedAt = now,
        };
        db.Rebuilds.Add(rebuild);
        await db.SaveChangesAsync(ct);
        return rebuild;
    }

    private async Task<bool> AdvanceAsync(ProjectionRebuild rebuild, CancellationToken ct)
    {
        var (time, id) = (rebuild.AfterTime, rebuild.AfterEvent);
        var history = db.EventLog.AsNoTracking().Where(e => e.Epoch < rebuild.Epoch
            && EF.Functions.GreaterThan(ValueTuple.Create(e.OccurredAt, e.EventId), ValueTuple.Create(time, id)));
        var same = db.Rebuilds.Where(r => r.Id == rebuild.Id);
        if (rebuild.EventsTotal is null)
        {
            var total = await history.LongCountAsync(ct);
            return await same.ExecuteUpdateAsync(set => set.SetProperty(r => r.EventsTotal, total), ct) == 1;
        }

        var projection = projections.Find(rebuild.Projection)
            ?? throw new InvalidOperationException($"There is no projection '{rebuild.Projection}' in this version.");
        var batch = await history.OrderBy(e => e.OccurredAt).ThenBy(e => e.EventId).Take(BatchSize).ToListAsync(ct);
        if (batch.Count == 0)
        {
            return await SwitchAsync(projection, rebuild, ct);
        }

        await db.ApplyToShadowAsync(projection, batch.Select(e => LoggedEvent.Read(e.Type, e.Body)).OfType<IIntegrationEvent>(), ct);
        var last = batch[^1];
        return await same.ExecuteUpdateAsync(set => set
            .SetProperty(r => r.EventsDone, r => r.EventsDone + batch.Count)
            .SetProperty(r => r.AfterTime, last.OccurredAt)
            .SetProperty(r => r.AfterEvent, last.EventId), ct) == 1;
    }

    /// <summary>Swaps the two tables, while no event is logged but uncommitted.</summary>
    private async Task<bool> SwitchAsync(Projection projection, ProjectionRebuild rebuild, CancellationToken ct)
    {
        await db.Database.ExecuteSqlRawAsync(LockSql, ct);
        await db.Database.ExecuteSqlRawAsync(projection.LockSql, ct);
        await db.Database.ExecuteSqlRawAsync(projection.SwitchSql, ct);
        return await EndAsync(rebuild, ProjectionRebuild.Done, null, ct);
    }

    private Task<bool> FailAsync(ProjectionRebuild rebuild, string error, CancellationToken ct) =>
        EndAsync(rebuild, ProjectionRebuild.Failed, error, ct);

    private async Task<bool> EndAsync(ProjectionRebuild rebuild, string state, string? error, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        return await db.Rebuilds.Where(r => r.Id == rebuild.Id && r.State == ProjectionRebuild.Running).ExecuteUpdateAsync(set => set
            .SetProperty(r => r.State, state)
            .SetProperty(r => r.FinishedAt, now)
            .SetProperty(r => r.Error, error), ct) == 1;
    }

    private static bool IsTransient(Exception e) =>
        e is TimeoutException or NpgsqlException { IsTransient: true } || (e.InnerException is { } inner && IsTransient(inner));
}
