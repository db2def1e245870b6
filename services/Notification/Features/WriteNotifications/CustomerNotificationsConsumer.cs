using Shop.Contracts;
using Shop.Contracts.Ordering.V1;
using Shop.Messaging;
using Shop.Messaging.Consuming;
using Shop.Messaging.Consuming.Batches;

namespace Shop.Notification.Features.WriteNotifications;

/// <summary>
/// Notifies customers of their orders: records one notification per event, recipient and channel, in the inbox's
/// transaction. <see cref="Deliver.DeliveryWorker"/> delivers it. In batches, as there are several for every order.
/// </summary>
[SubscribesTo(typeof(OrderConfirmed), typeof(OrderRejected), typeof(OrderCancelled), typeof(OrderShipped), typeof(CustomerBecamePreferred))]
internal sealed class CustomerNotificationsConsumer(NotificationWriter writer) : IBatchConsumer<IIntegrationEvent>
{
    public Task PrepareAsync(IReadOnlyList<IIntegrationEvent> events, CancellationToken ct) => writer.PrepareAsync([.. events.Select(DraftOf)], ct);

    public Task ConsumeAsync(IIntegrationEvent @event, CancellationToken ct)
    {
        writer.AddForCustomer(DraftOf(@event));
        return Task.CompletedTask;
    }

    private static NotificationDraft DraftOf(IIntegrationEvent @event) => @event switch
    {
        OrderConfirmed e => new(e, e.CustomerId, e.OrderId, Letters.For(e)),
        OrderRejected e => new(e, e.CustomerId, e.OrderId, Letters.For(e)),
        OrderCancelled e => new(e, e.CustomerId, e.OrderId, Letters.For(e)),
        OrderShipped e => new(e, e.CustomerId, e.OrderId, Letters.For(e)),
        CustomerBecamePreferred e => new(e, e.CustomerId, null, Letters.For(e)),
        _ => throw new NotSupportedException($"There is no letter for {ShopEvents.Catalog.NameOf(@event.GetType())}."),
    };
}
