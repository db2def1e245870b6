using System.Diagnostics;
using Shop.Contracts;
using Shop.Contracts.Ordering.V1;
using Shop.Messaging;
using Shop.Messaging.Consuming.Batches;

namespace Shop.Notification.Features.WriteNotifications;

/// <summary>
/// Tells customers what happens to their orders: one notification per event, recipient and channel, in the inbox's
/// transaction. The delivery comes after, in <see cref="Deliver.DeliveryWorker"/>. In batches, as there are several for every order.
/// </summary>
[Takes(typeof(OrderConfirmed), typeof(OrderRejected), typeof(OrderCancelled), typeof(OrderShipped), typeof(CustomerBecamePreferred))]
internal sealed class CustomerNotificationsConsumer(NotificationWriter writer) : IBatchConsumer<IIntegrationEvent>
{
    public async Task ConsumeAsync(IReadOnlyList<ReceivedEvent<IIntegrationEvent>> events, CancellationToken ct)
    {
        List<Told> told = [];
        foreach (var received in events)
        {
            await received.CauseAsync(() => told.Add(ToTell(received.Event) with { TraceParent = Activity.Current?.Id }));
        }

        await writer.TellCustomersAsync(told, ct);
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
