using MassTransit;
using Microsoft.EntityFrameworkCore;
using Shop.Contracts;
using Shop.Contracts.Ordering.V1;
using Shop.Notification.Persistence;

namespace Shop.Notification.Features.WriteNotifications;

/// <summary>
/// Tells customers what happens to their orders: one notification per event, recipient and channel, in the inbox's
/// transaction. The delivery comes after, in <see cref="Deliver.DeliveryWorker"/>.
/// </summary>
internal sealed class CustomerNotificationsConsumer(NotificationDbContext db, TimeProvider clock)
    : IConsumer<OrderConfirmed>,
        IConsumer<OrderRejected>,
        IConsumer<OrderCancelled>,
        IConsumer<OrderShipped>,
        IConsumer<CustomerBecamePreferred>
{
    public Task Consume(ConsumeContext<OrderConfirmed> context) =>
        RecordAsync(context, context.Message.CustomerId, context.Message.OrderId, Texts.For(context.Message));

    public Task Consume(ConsumeContext<OrderRejected> context) =>
        RecordAsync(context, context.Message.CustomerId, context.Message.OrderId, Texts.For(context.Message));

    public Task Consume(ConsumeContext<OrderCancelled> context) =>
        RecordAsync(context, context.Message.CustomerId, context.Message.OrderId, Texts.For(context.Message));

    public Task Consume(ConsumeContext<OrderShipped> context) =>
        RecordAsync(context, context.Message.CustomerId, context.Message.OrderId, Texts.For(context.Message));

    public Task Consume(ConsumeContext<CustomerBecamePreferred> context) =>
        RecordAsync(context, context.Message.CustomerId, null, Texts.For(context.Message));

    private async Task RecordAsync<T>(ConsumeContext<T> context, string recipient, Guid? orderId, Letter letter)
        where T : class, IIntegrationEvent
    {
        // The key holds even after the inbox has forgotten the event: a very late repeat finds its notification and adds none.
        var now = clock.GetUtcNow();
        await db.Database.ExecuteSqlAsync($"""
            INSERT INTO notifications
                (id, event_id, order_id, recipient, channel, subject, text, status, attempts, next_attempt_at, created_at)
            VALUES ({Guid.CreateVersion7(now)}, {context.Message.EventId}, {orderId}, {recipient}, {Channels.Email}, {letter.Subject},
                {letter.Text}, 'Pending', 0, {now}, {now})
            ON CONFLICT (event_id, recipient, channel) DO NOTHING
            """, context.CancellationToken);
    }
}
