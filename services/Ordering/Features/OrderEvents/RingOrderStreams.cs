using Shop.Messaging.DomainEvents;
using Shop.Ordering.Domain;

namespace Shop.Ordering.Features.OrderEvents;

/// <summary>After the commit: the streams of this instance show the move at once. A lost ring costs no more than the poll.</summary>
internal sealed class RingOrderStreams(OrderStreams streams) : ICommittedEventHandler<OrderStatusChanged>
{
    public Task HandleAsync(OrderStatusChanged domainEvent, CancellationToken ct)
    {
        streams.Ring(domainEvent.OrderId, domainEvent.OrderVersion);
        return Task.CompletedTask;
    }
}
