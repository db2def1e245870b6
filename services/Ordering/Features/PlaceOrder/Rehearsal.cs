using System.Diagnostics;
using Shop.Ordering.Domain;
using Shop.Ordering.Persistence;

namespace Shop.Ordering.Features.PlaceOrder;

/// <summary>
/// Places one order at the start and rolls it back, so that not the first customers wait for EF Core to prepare its statements and for the
/// just-in-time compiler.
/// </summary>
internal sealed partial class Rehearsal(IServiceScopeFactory scopes, TimeProvider clock, ILogger<Rehearsal> logger) : BackgroundService
{
    private const string Sku = "rehearsal";

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var unsampled = new Activity("rehearsal").Start(); // what is below it is not recorded either: it did not happen
        try
        {
            await using var scope = scopes.CreateAsyncScope();
            var db = scope.ServiceProvider.GetRequiredService<OrderingDbContext>();
            await using var transaction = await db.Database.BeginTransactionAsync(stoppingToken);
            await PlaceOrderEndpoint.FindOffers(db, [Sku], Sku).ToListAsync(stoppingToken);
            db.Orders.Add(Order.Place(Sku, [new OrderLine(Sku, Sku, 1, 1, "EUR")], 0, clock.GetUtcNow(), channel: null));
            await db.SaveChangesAsync(stoppingToken);
            await transaction.RollbackAsync(stoppingToken);
        }
        catch (Exception e) when (!stoppingToken.IsCancellationRequested)
        {
            LogNotRehearsed(e.GetBaseException().Message); // the first customer waits, then
        }
    }

    [LoggerMessage(LogLevel.Debug, "No order was rehearsed: {Reason}")]
    private partial void LogNotRehearsed(string reason);
}
