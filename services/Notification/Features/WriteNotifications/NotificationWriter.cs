using System.Diagnostics;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Shop.Contracts;
using Shop.Messaging;
using Shop.Notification.Persistence;

namespace Shop.Notification.Features.WriteNotifications;

/// <summary>What a webhook gets.</summary>
internal sealed record WebhookPayload(Guid Id, string Event, DateTimeOffset OccurredAt, Guid? OrderId, string Subject, string Text);

/// <summary>What to tell a customer, or an address of the staff.</summary>
internal sealed record Told(IIntegrationEvent Event, string Recipient, Guid? OrderId, Letter Letter);

/// <summary>
/// Records what is to be told: one notification per event, recipient and channel, in the trace of the event. The key holds even after
/// the inbox has forgotten the event: a very late duplicate finds its notifications and adds none.
/// </summary>
internal sealed class NotificationWriter(NotificationDbContext db, TimeProvider clock)
{
    private HashSet<(Guid EventId, string Recipient)> _known = [];
    private HashSet<string> _listening = [];

    /// <summary>Reads which of it was told before, and which recipients have a webhook now.</summary>
    public async Task PrepareAsync(IReadOnlyList<Told> told, CancellationToken ct)
    {
        Guid[] events = [.. told.Select(one => one.Event.EventId)];
        string[] recipients = [.. told.Select(one => one.Recipient).Distinct()];
        _known = [.. (await db.Notifications.Where(notification => events.Contains(notification.EventId))
            .Select(notification => new { notification.EventId, notification.Recipient }).ToListAsync(ct)).Select(row => (row.EventId, row.Recipient))];
        _listening = [.. await db.Contacts.Where(contact => recipients.Contains(contact.CustomerId) && contact.WebhookUrl != null)
            .Select(contact => contact.CustomerId).ToListAsync(ct)];
    }

    /// <summary>By mail, contact or not; and by webhook, where the customer has one. <see cref="PrepareAsync"/> comes before.</summary>
    public void TellCustomer(Told told)
    {
        if (_known.Contains((told.Event.EventId, told.Recipient)))
        {
            return; // a duplicate tells nothing new, also to a webhook that is younger than the event
        }

        AddMail(Audiences.Customer, told);
        if (_listening.Contains(told.Recipient))
        {
            var (id, text) = (NewId(), told.Letter.PlainText());
            var payload = new WebhookPayload(
                id, ShopEvents.Catalog.NameOf(told.Event.GetType()), told.Event.OccurredAt, told.OrderId, told.Letter.Subject, text);
            Add(id, Audiences.Customer, Channels.Webhook, told, text, null, JsonSerializer.Serialize(payload, JsonSerializerOptions.Web));
        }
    }

    /// <summary>By mail.</summary>
    public async Task TellStaffAsync(IReadOnlyList<Told> told, CancellationToken ct)
    {
        await PrepareAsync(told, ct);
        foreach (var one in told.Where(one => !_known.Contains((one.Event.EventId, one.Recipient))))
        {
            AddMail(Audiences.Staff, one);
        }
    }

    private void AddMail(string audience, Told told) =>
        Add(NewId(), audience, Channels.Email, told, told.Letter.MailText(), told.Letter.MailHtml(), null);

    private void Add(Guid id, string audience, string channel, Told told, string text, string? html, string? payload)
    {
        var now = clock.GetUtcNow();
        db.Notifications.Add(new Notification
        {
            Id = id,
            EventId = told.Event.EventId,
            OrderId = told.OrderId,
            Audience = audience,
            Recipient = told.Recipient,
            Channel = channel,
            Subject = told.Letter.Subject,
            Text = text,
            Html = html,
            Payload = payload,
            TraceParent = Activity.Current?.Id,
            Status = NotificationStatus.Pending,
            NextAttemptAt = now,
            CreatedAt = now,
        });
    }

    private Guid NewId() => Guid.CreateVersion7(clock.GetUtcNow());
}
