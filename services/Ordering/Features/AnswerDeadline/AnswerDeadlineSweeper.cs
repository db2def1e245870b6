using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Shop.Ordering.Domain;
using Shop.Ordering.Persistence;

namespace Shop.Ordering.Features.AnswerDeadline;

/// <summary>
/// Cancels orders that Inventory has not answered in time. Any number of instances may do it at once: each order is taken under
/// its row's lock, and one that somebody else has is passed over. An order that fails is tried again in the next round and holds
/// up no other.
/// </summary>
internal sealed partial class AnswerDeadlineSweeper(
    IServiceScopeFactory scopes, IOptions<OrderingSettings> settings, TimeProvider clock, ILogger<AnswerDeadlineSweeper> logger)
    : BackgroundService
{
    private static readonly ActivitySource s_activities = new("Shop.Ordering");

    private readonly OrderingSettings _settings = settings.Value;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(_settings.SweepInterval, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await SweepAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The service is being stopped.
        }
    }

    private async Task SweepAsync(CancellationToken ct)
    {
        try
        {
            var placedBefore = clock.GetUtcNow() - _settings.AnswerDeadline;
            var batch = await OverdueAsync(placedBefore, null, ct);
            while (batch.Count > 0)
            {
                foreach (var order in batch)
                {
                    await TryCancelAsync(order.Id, ct);
                }

                // Past the last one that was seen, not from the start: orders that fail must not fill every batch.
                batch = batch.Count < _settings.SweepBatch ? [] : await OverdueAsync(placedBefore, batch[^1], ct);
            }
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            LogRoundFailed(e.Message);
        }
    }

    private async Task<List<Overdue>> OverdueAsync(DateTimeOffset placedBefore, Overdue? after, CancellationToken ct)
    {
        await using var scope = scopes.CreateAsyncScope();
        var waiting = scope.ServiceProvider.GetRequiredService<OrderingDbContext>().Orders.AsNoTracking()
            .Where(order => order.Status == OrderStatus.Placed && order.PlacedAt < placedBefore);
        if (after is not null)
        {
            waiting = waiting.Where(order => EF.Functions.GreaterThan(
                ValueTuple.Create(order.PlacedAt, order.Id), ValueTuple.Create(after.PlacedAt, after.Id)));
        }

        return await waiting.OrderBy(order => order.PlacedAt).ThenBy(order => order.Id).Take(_settings.SweepBatch)
            .Select(order => new Overdue(order.PlacedAt, order.Id)).ToListAsync(ct);
    }

    private async Task TryCancelAsync(Guid id, CancellationToken ct)
    {
        using var span = s_activities.StartActivity("cancel overdue order")?.SetTag("shop.order.id", id.ToString());
        try
        {
            await using var scope = scopes.CreateAsyncScope();
            var db = scope.ServiceProvider.GetRequiredService<OrderingDbContext>();
            await using var transaction = await db.Database.BeginTransactionAsync(ct);
            var locked = await db.Orders
                .FromSql($"SELECT * FROM orders WHERE id = {id} AND status = 'Placed' FOR UPDATE SKIP LOCKED").ToListAsync(ct);
            if (locked is [var order] && order.GiveUpWaiting(clock.GetUtcNow()))
            {
                await db.SaveChangesAsync(ct);
                await transaction.CommitAsync(ct);
                LogCancelled(id);
            }
        }
        catch (Exception e) when (!ct.IsCancellationRequested)
        {
            LogFailed(id, e);
        }
    }

    [LoggerMessage(LogLevel.Information, "Order {OrderId} was cancelled: Inventory has not answered in time.")]
    private partial void LogCancelled(Guid orderId);

    [LoggerMessage(LogLevel.Error, "Cancelling the overdue order {OrderId} failed; the next round tries again.")]
    private partial void LogFailed(Guid orderId, Exception exception);

    [LoggerMessage(LogLevel.Warning, "Looking for overdue orders failed; the next round tries again: {Reason}")]
    private partial void LogRoundFailed(string reason);

    private sealed record Overdue(DateTimeOffset PlacedAt, Guid Id);
}
