using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Shop.Contracts;
using Shop.Notification.Persistence;

namespace Shop.Notification.Features.WriteNotifications;

/// <summary>What a webhook gets.</summary>
internal sealed record WebhookPayload(Guid Id, string Event, DateTimeOffset OccurredAt, Guid? OrderId, string Subject, string Text);

/// <summary>
/// Records what is to be told: one notification per event, recipient and channel. The key holds even after the inbox has
/// forgotten the event: a very late repeat finds its notifications and adds none.
/// </summary>
internal sealed class NotificationWriter(NotificationDbContext db, TimeProvider clock)
{
    /// <summary>By mail, contact or not; and by webhook, if the customer has one now.</summary>
    public async Task TellCustomerAsync(IIntegrationEvent told, string customer, Guid? orderId, Letter letter, CancellationToken ct)
    {
        var isNew = await WriteMailAsync(told, Audiences.Customer, customer, orderId, letter, ct);

        // A repeat tells nothing new, also to a webhook that is younger than the event.
        if (isNew && await db.Contacts.AnyAsync(contact => contact.CustomerId == customer && contact.WebhookUrl != null, ct))
        {
            await WriteWebhookAsync(told, customer, orderId, letter, ct);
        }
    }

    /// <summary>By mail.</summary>
    public Task TellStaffAsync(IIntegrationEvent told, string address, Letter letter, CancellationToken ct) =>
        WriteMailAsync(told, Audiences.Staff, address, null, letter, ct);

    private async Task<bool> WriteMailAsync(
        IIntegrationEvent told, string audience, string recipient, Guid? orderId, Letter letter, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        return await db.Database.ExecuteSqlAsync($"""
            INSERT INTO notifications (id, event_id, order_id, audience, recipient, channel, subject, text, html,
                status, attempts, next_attempt_at, created_at)
            VALUES ({Guid.CreateVersion7(now)}, {told.EventId}, {orderId}, {audience}, {recipient}, {Channels.Email}, {letter.Subject},
                {letter.MailText()}, {letter.MailHtml()}, 'Pending', 0, {now}, {now})
            ON CONFLICT (event_id, recipient, channel) DO NOTHING
            """, ct) == 1;
    }

    private async Task WriteWebhookAsync(IIntegrationEvent told, string customer, Guid? orderId, Letter letter, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        var id = Guid.CreateVersion7(now);
        var text = letter.PlainText();
        var payload = JsonSerializer.Serialize(
            new WebhookPayload(id, EventCatalog.NameOf(told.GetType()), told.OccurredAt, orderId, letter.Subject, text),
            JsonSerializerOptions.Web);
        await db.Database.ExecuteSqlAsync($"""
            INSERT INTO notifications (id, event_id, order_id, audience, recipient, channel, subject, text, payload,
                status, attempts, next_attempt_at, created_at)
            VALUES ({id}, {told.EventId}, {orderId}, {Audiences.Customer}, {customer}, {Channels.Webhook}, {letter.Subject}, {text},
                {payload}, 'Pending', 0, {now}, {now})
            ON CONFLICT (event_id, recipient, channel) DO NOTHING
            """, ct);
    }
}
