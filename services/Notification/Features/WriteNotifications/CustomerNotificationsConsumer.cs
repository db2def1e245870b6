using MassTransit;
using Shop.Contracts;
using Shop.Contracts.Ordering.V1;

namespace Shop.Notification.Features.WriteNotifications;

/// <summary>
/// Tells customers what happens to their orders: one notification per event, recipient and channel, in the inbox's
/// transaction. The delivery comes after, in <see cref="Deliver.DeliveryWorker"/>.
/// </summary>
internal sealed class CustomerNotificationsConsumer(NotificationWriter writer)
    : IConsumer<OrderConfirmed>,
        IConsumer<OrderRejected>,
        IConsumer<OrderCancelled>,
        IConsumer<OrderShipped>,
        IConsumer<CustomerBecamePreferred>
{
    public Task Consume(ConsumeContext<OrderConfirmed> context) =>
        TellAsync(context, context.Message.CustomerId, context.Message.OrderId, Letters.For(context.Message));

    public Task Consume(ConsumeContext<OrderRejected> context) =>
        TellAsync(context, context.Message.CustomerId, context.Message.OrderId, Letters.For(context.Message));

    public Task Consume(ConsumeContext<OrderCancelled> context) =>
        TellAsync(context, context.Message.CustomerId, context.Message.OrderId, Letters.For(context.Message));

    public Task Consume(ConsumeContext<OrderShipped> context) =>
        TellAsync(context, context.Message.CustomerId, context.Message.OrderId, Letters.For(context.Message));

    public Task Consume(ConsumeContext<CustomerBecamePreferred> context) =>
        TellAsync(context, context.Message.CustomerId, null, Letters.For(context.Message));

    private Task TellAsync<T>(ConsumeContext<T> context, string customer, Guid? orderId, Letter letter)
        where T : class, IIntegrationEvent =>
        writer.TellCustomerAsync(context.Message, customer, orderId, letter, context.CancellationToken);
}
