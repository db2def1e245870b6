using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Shop.Inventory.Domain;
using Shop.Inventory.Persistence;

namespace Shop.Inventory.Features.ExpireReservations;

/// <summary>
/// Expires reservations of orders that were not shipped in time. Any number of instances may run it: the order's lock
/// and the reservation's state make sure that it expires once. Each reservation is its own transaction, so that a failure
/// does not block others; it is retried in the next round.
/// </summary>
internal sealed partial class ReservationSweeper(
    IServiceScopeFactory scopes, IOptions<ReservationSettings> options, TimeProvider clock, ILogger<ReservationSweeper> logger)
    : BackgroundService
{
    private readonly ReservationSettings _settings = options.Value;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(_settings.SweepInterval, clock);
        try
        {
            do
            {
                await SweepAsync(stoppingToken);
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The service stops.
        }
    }

    private async Task SweepAsync(CancellationToken ct)
    {
        try
        {
            var now = clock.GetUtcNow();
            var last = new Due(Guid.Empty, DateTimeOffset.MinValue);
            IReadOnlyList<Due> due;
            do
            {
                // Continues after the last one: failing reservations must not fill every batch.
                due = await FindDueAsync(last, now, ct);
                foreach (var reservation in due)
                {
                    await TryExpireAsync(last = reservation, ct);
                }
            }
            while (due.Count == _settings.SweepBatch);
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            LogCannotSweep(e.GetBaseException().Message);
        }
    }

    private async Task<IReadOnlyList<Due>> FindDueAsync(Due last, DateTimeOffset now, CancellationToken ct)
    {
        await using var scope = scopes.CreateAsyncScope();
        return await Queries.Due(scope.ServiceProvider.GetRequiredService<InventoryDbContext>(), last, now)
            .Take(_settings.SweepBatch).ToListAsync(ct);
    }

    private async Task TryExpireAsync(Due due, CancellationToken ct)
    {
        using var span = InventoryTelemetry.Expire(due.OrderId);
        try
        {
            await using var scope = scopes.CreateAsyncScope();
            if (await ExpireAsync(scope.ServiceProvider, due.OrderId, ct))
            {
                InventoryTelemetry.Expired.Add(1);
                LogExpired(due.OrderId, due.ExpiresAt);
            }
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            LogCannotExpire(due.OrderId, e);
        }
    }

    private async Task<bool> ExpireAsync(IServiceProvider services, Guid orderId, CancellationToken ct)
    {
        var db = services.GetRequiredService<InventoryDbContext>();
        return await db.InTransactionAsync(async () =>
        {
            // Another sweeper or a consumer holds the order; if it is still due, the next round finds it.
            if (!await db.TryLockOrderAsync(orderId, ct)
                || await db.Reservations.FirstOrDefaultAsync(r => r.OrderId == orderId, ct) is not { } reservation
                || !reservation.Expire(clock.GetUtcNow()))
            {
                return false;
            }

            await services.GetRequiredService<StockMoves>().ReleaseAsync(reservation.Lines, ct);
            await db.SaveChangesAsync(ct);
            return true;
        }, ct);
    }

    [LoggerMessage(LogLevel.Information, "Reservation of order {OrderId} expired at {ExpiresAt:O}")]
    private partial void LogExpired(Guid orderId, DateTimeOffset expiresAt);

    [LoggerMessage(LogLevel.Error, "Reservation of order {OrderId} expired but could not be released; retried in the next round")]
    private partial void LogCannotExpire(Guid orderId, Exception exception);

    [LoggerMessage(LogLevel.Warning, "Expired reservations could not be read: {Reason}")]
    private partial void LogCannotSweep(string reason);

    /// <summary>An expired reservation.</summary>
    internal sealed record Due(Guid OrderId, DateTimeOffset ExpiresAt);

    internal static class Queries
    {
        /// <summary>Expired reservations after the last one, in index order.</summary>
        public static IQueryable<Due> Due(InventoryDbContext db, Due last, DateTimeOffset now) => db.Reservations.AsNoTracking()
            .Where(r => r.Status == ReservationStatus.Reserved && r.ExpiresAt <= now
                && (r.ExpiresAt > last.ExpiresAt || (r.ExpiresAt == last.ExpiresAt && r.OrderId > last.OrderId)))
            .OrderBy(r => r.ExpiresAt).ThenBy(r => r.OrderId)
            .Select(r => new Due(r.OrderId, r.ExpiresAt!.Value));
    }
}
