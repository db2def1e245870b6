using Shop.Contracts;
using Shop.Contracts.Ordering.V1;
using Shop.Messaging;
using Shop.Messaging.Consuming;
using Shop.Messaging.Consuming.Batches;

namespace Shop.Notification.Features.WriteNotifications;

/// <summary>
/// Tells customers what happens to their orders: one notification per event, recipient and channel, in the inbox's
/// transaction. The delivery comes after, in <see cref="Deliver.DeliveryWorker"/>. In batches, as there are several for every order.
/// </summary>
[Takes(typeof(OrderConfirmed), typeof(OrderRejected), typeof(OrderCancelled), typeof(OrderShipped), typeof(CustomerBecamePreferred))]
internal sealed class CustomerNotificationsConsumer(NotificationWriter writer) : IBatchConsumer<IIntegrationEvent>
{
    public Task PrepareAsync(IReadOnlyList<IIntegrationEvent> events, CancellationToken ct) => writer.PrepareAsync([.. events.Select(ToTell)], ct);

    public Task ConsumeAsync(IIntegrationEvent @event, CancellationToken ct)
    {
        writer.TellCustomer(ToTell(@event));
        return Task.CompletedTask;
    }

    private static Told ToTell(IIntegrationEvent told) => told switch
    {
        OrderConfirmed e => new(e, e.CustomerId, e.OrderId, Letters.For(e)),
        OrderRejected e => new(e, e.CustomerId, e.OrderId, Letters.For(e)),
        OrderCancelled e => new(e, e.CustomerId, e.OrderId, Letters.For(e)),
        OrderShipped e => new(e, e.CustomerId, e.OrderId, Letters.For(e)),
        CustomerBecamePreferred e => new(e, e.CustomerId, null, Letters.For(e)),
        _ => throw new NotSupportedException($"There are no words for {ShopEvents.Catalog.NameOf(told.GetType())}."),
    };
}
