using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Shop.Ordering.Domain;
using Shop.Ordering.Persistence;

namespace Shop.Ordering.Features.AnswerDeadline;

/// <summary>
/// Cancels orders that Inventory has not answered in time. Any number of instances may run it concurrently: each order is processed under
/// its row lock, and locked ones are skipped. An order that fails is retried in the next round and does not
/// block others.
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

                // Continues after the last one: failing orders must not fill every batch.
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
            if (locked is [var order] && order.TimeOut(clock.GetUtcNow()))
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

    [LoggerMessage(LogLevel.Information, "Order {OrderId} cancelled: Inventory did not answer in time")]
    private partial void LogCancelled(Guid orderId);

    [LoggerMessage(LogLevel.Error, "Cancelling overdue order {OrderId} failed; retried in the next round")]
    private partial void LogFailed(Guid orderId, Exception exception);

    [LoggerMessage(LogLevel.Warning, "Reading overdue orders failed; retried in the next round: {Reason}")]
    private partial void LogRoundFailed(string reason);

    private sealed record Overdue(DateTimeOffset PlacedAt, Guid Id);
}
