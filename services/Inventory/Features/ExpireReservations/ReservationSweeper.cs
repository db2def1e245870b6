using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Shop.Inventory.Domain;
using Shop.Inventory.Persistence;

namespace Shop.Inventory.Features.ExpireReservations;

/// <summary>
/// Puts back what was set aside for orders that were not shipped in time. Any number of instances may run it: the order's lock
/// and the reservation's state decide who expires it, once. Each reservation is a transaction of its own, so that one that fails
/// stops no other; it is tried again at the next round.
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
                // Goes on behind the last one: those that fail, however many, must not be all that is ever looked at.
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
            // Whoever holds the order now, another sweeper or a consumer, decides about it; if it is still due, the next round sees it.
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

    [LoggerMessage(LogLevel.Information, "The reservation of order {OrderId} was good until {ExpiresAt:O} and has expired.")]
    private partial void LogExpired(Guid orderId, DateTimeOffset expiresAt);

    [LoggerMessage(LogLevel.Error, "The reservation of order {OrderId} has expired but cannot be released; the next round tries again.")]
    private partial void LogCannotExpire(Guid orderId, Exception exception);

    [LoggerMessage(LogLevel.Warning, "Expired reservations cannot be looked up at the moment: {Reason}")]
    private partial void LogCannotSweep(string reason);

    /// <summary>A reservation whose time is over.</summary>
    internal sealed record Due(Guid OrderId, DateTimeOffset ExpiresAt);

    internal static class Queries
    {
        /// <summary>What is due and comes after the last one, in the order of the index that is for it.</summary>
        public static IQueryable<Due> Due(InventoryDbContext db, Due last, DateTimeOffset now) => db.Reservations.AsNoTracking()
            .Where(r => r.Status == ReservationStatus.Reserved && r.ExpiresAt <= now
                && (r.ExpiresAt > last.ExpiresAt || (r.ExpiresAt == last.ExpiresAt && r.OrderId > last.OrderId)))
            .OrderBy(r => r.ExpiresAt).ThenBy(r => r.OrderId)
            .Select(r => new Due(r.OrderId, r.ExpiresAt!.Value));
    }
}
