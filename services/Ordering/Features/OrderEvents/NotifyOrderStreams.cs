using Shop.Messaging.DomainEvents;
using Shop.Ordering.Domain;

namespace Shop.Ordering.Features.OrderEvents;

/// <summary>Signals the streams of this instance after the commit. The poll makes up for a lost signal.</summary>
internal sealed class NotifyOrderStreams(OrderStreams streams) : ICommittedEventHandler<OrderStatusChanged>
{
    public Task HandleAsync(OrderStatusChanged domainEvent, CancellationToken ct)
    {
        streams.Notify(domainEvent.OrderId, domainEvent.OrderVersion);
        return Task.CompletedTask;
    }
}
