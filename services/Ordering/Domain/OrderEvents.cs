using Shop.Messaging.DomainEvents;
using Shop.ServiceDefaults.Domain;


namespace Shop.Ordering.Domain;

/// <param name="Channel">The sales channel, or null. Only published; Ordering does not store it.</param>
internal sealed record OrderPlaced(
    Guid OrderId, int OrderVersion, string CustomerId, decimal Discount, decimal Total, string Currency, string? Channel, DateTimeOffset At)
    : DomainEvent(At);

/// <summary>Follows its order's OrderPlaced in the same unit of work, once per line.</summary>
internal sealed record OrderLineAdded(Guid OrderId, string Sku, int Quantity, decimal UnitPrice, DateTimeOffset At) : DomainEvent(At);

internal sealed record OrderConfirmed(
    Guid OrderId, int OrderVersion, string CustomerId, IReadOnlyList<OrderConfirmed.Line> Lines, decimal Total, string Currency,
    DateTimeOffset At)
    : DomainEvent(At)
{
    public sealed record Line(string Sku, int Quantity, decimal UnitPrice);
}

internal sealed record OrderRejected(
    Guid OrderId, int OrderVersion, string CustomerId, string Reason, IReadOnlyList<ShortLine> ShortLines, DateTimeOffset At)
    : DomainEvent(At);

internal sealed record OrderCancelled(
    Guid OrderId, int OrderVersion, string CustomerId, string Reason, bool WasConfirmed, decimal Total, string Currency, DateTimeOffset At)
    : DomainEvent(At);

internal sealed record OrderShipped(Guid OrderId, int OrderVersion, string CustomerId, DateTimeOffset At) : DomainEvent(At);

/// <summary>Every status change of an order, for its history and open streams.</summary>
/// <param name="From">Null for a new order.</param>
internal sealed record OrderStatusChanged(
    Guid OrderId, int OrderVersion, OrderStatus? From, OrderStatus To, string? Reason, Cause Cause, DateTimeOffset At)
    : DomainEvent(At);
