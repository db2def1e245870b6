using MassTransit;
using Microsoft.EntityFrameworkCore;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging;
using Shop.Ordering.Domain;
using Shop.Ordering.Persistence;

namespace Shop.Ordering.Features.AnswerFromInventory;

/// <summary>Cancels the order whose reservation has expired; the customer is notified by OrderCancelled.</summary>
internal sealed class StockReservationExpiredConsumer(OrderingDbContext db, LateEvents late, TimeProvider clock)
    : IConsumer<StockReservationExpired>
{
    private static readonly Cause s_cause = Cause.Event(ShopEvents.Catalog.NameOf(typeof(StockReservationExpired)));

    public async Task Consume(ConsumeContext<StockReservationExpired> context)
    {
        var expired = context.Message;
        var order = await db.Orders.FirstOrDefaultAsync(o => o.Id == expired.OrderId, context.CancellationToken);
        late.CountUnlessApplied(order?.LoseReservation(expired.ReservationVersion, s_cause, clock.GetUtcNow()), expired);
    }
}
