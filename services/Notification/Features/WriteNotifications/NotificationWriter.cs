using System.Diagnostics;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Shop.Contracts;
using Shop.Messaging;
using Shop.Notification.Persistence;

namespace Shop.Notification.Features.WriteNotifications;

/// <summary>The payload of a webhook call.</summary>
internal sealed record WebhookPayload(Guid Id, string Event, DateTimeOffset OccurredAt, Guid? OrderId, string Subject, string Text);

/// <summary>A notification to be recorded, for a customer or a staff address.</summary>
internal sealed record NotificationDraft(IIntegrationEvent Event, string Recipient, Guid? OrderId, Letter Letter);

/// <summary>
/// Records notifications: one per event, recipient and channel, in the trace of the event. The key detects duplicates even after
/// the inbox row is removed: a very late duplicate finds its notifications and adds none.
/// </summary>
internal sealed class NotificationWriter(NotificationDbContext db, TimeProvider clock)
{
    private HashSet<(Guid EventId, string Recipient)> _known = [];
    private HashSet<string> _withWebhook = [];

    /// <summary>Reads which notifications exist already, and which recipients have a webhook.</summary>
    public async Task PrepareAsync(IReadOnlyList<NotificationDraft> drafts, CancellationToken ct)
    {
        Guid[] events = [.. drafts.Select(one => one.Event.EventId)];
        string[] recipients = [.. drafts.Select(one => one.Recipient).Distinct()];
        _known = [.. (await db.Notifications.Where(notification => events.Contains(notification.EventId))
            .Select(notification => new { notification.EventId, notification.Recipient }).ToListAsync(ct)).Select(row => (row.EventId, row.Recipient))];
        _withWebhook = [.. await db.Contacts.Where(contact => recipients.Contains(contact.CustomerId) && contact.WebhookUrl != null)
            .Select(contact => contact.CustomerId).ToListAsync(ct)];
    }

    /// <summary>By mail, with or without a contact; and by webhook, where the customer has one. Call <see cref="PrepareAsync"/> before.</summary>
    public void AddForCustomer(NotificationDraft draft)
    {
        if (_known.Contains((draft.Event.EventId, draft.Recipient)))
        {
            return; // a duplicate adds nothing, not even for a webhook that is newer than the event
        }

        AddMail(Audiences.Customer, draft);
        if (_withWebhook.Contains(draft.Recipient))
        {
            var (id, text) = (NewId(), draft.Letter.PlainText());
            var payload = new WebhookPayload(
                id, ShopEvents.Catalog.NameOf(draft.Event.GetType()), draft.Event.OccurredAt, draft.OrderId, draft.Letter.Subject, text);
            Add(id, Audiences.Customer, Channels.Webhook, draft, text, null, JsonSerializer.Serialize(payload, JsonSerializerOptions.Web));
        }
    }

    /// <summary>By mail.</summary>
    public async Task AddForStaffAsync(IReadOnlyList<NotificationDraft> drafts, CancellationToken ct)
    {
        await PrepareAsync(drafts, ct);
        foreach (var one in drafts.Where(one => !_known.Contains((one.Event.EventId, one.Recipient))))
        {
            AddMail(Audiences.Staff, one);
        }
    }

    private void AddMail(string audience, NotificationDraft draft) =>
        Add(NewId(), audience, Channels.Email, draft, draft.Letter.MailText(), draft.Letter.MailHtml(), null);

    private void Add(Guid id, string audience, string channel, NotificationDraft draft, string text, string? html, string? payload)
    {
        var now = clock.GetUtcNow();
        db.Notifications.Add(new Notification
        {
            Id = id,
            EventId = draft.Event.EventId,
            OrderId = draft.OrderId,
            Audience = audience,
            Recipient = draft.Recipient,
            Channel = channel,
            Subject = draft.Letter.Subject,
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
