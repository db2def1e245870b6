using Shop.Messaging.DomainEvents;
using Shop.Ordering.Domain;
using Shop.Ordering.Persistence;

namespace Shop.Ordering.Features.OrderHistory;

/// <summary>Records status changes before the commit, in the order's transaction: status and history never differ.</summary>
internal sealed class RecordHistory(OrderingDbContext db) : IDomainEventHandler<OrderStatusChanged>
{
    public Task HandleAsync(OrderStatusChanged domainEvent, CancellationToken ct)
    {
        db.History.Add(new OrderHistoryEntry
        {
            OrderId = domainEvent.OrderId,
            Version = domainEvent.OrderVersion,
            FromStatus = domainEvent.From,
            ToStatus = domainEvent.To,
            Reason = domainEvent.Reason,
            Cause = domainEvent.Cause.Kind,
            CausedBy = domainEvent.Cause.Name,
            At = domainEvent.At,
        });
        return Task.CompletedTask;
    }
}
