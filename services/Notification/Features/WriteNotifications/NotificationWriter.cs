using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Shop.Contracts;
using Shop.Messaging;
using Shop.Notification.Persistence;

namespace Shop.Notification.Features.WriteNotifications;

/// <summary>What a webhook gets.</summary>
internal sealed record WebhookPayload(Guid Id, string Event, DateTimeOffset OccurredAt, Guid? OrderId, string Subject, string Text);

/// <summary>What to tell a customer, or an address of the staff.</summary>
internal sealed record Told(IIntegrationEvent Event, string Recipient, Guid? OrderId, Letter Letter)
{
    /// <summary>The span in which it was consumed.</summary>
    public string? TraceParent { get; init; }
}

/// <summary>
/// Records what is to be told: one notification per event, recipient and channel. The key holds even after the inbox has
/// forgotten the event: a very late repeat finds its notifications and adds none.
/// </summary>
internal sealed class NotificationWriter(NotificationDbContext db, TimeProvider clock)
{
    private const string Write = """
        INSERT INTO notifications (id, event_id, order_id, audience, recipient, channel, subject, text, html, payload,
            trace_parent, status, attempts, next_attempt_at, created_at)
        SELECT told.id, told.event_id, told.order_id, $1, told.recipient, $2, told.subject, told.text, told.html, told.payload,
            told.trace_parent, 'Pending', 0, $3, $3
        FROM unnest($4, $5, $6, $7, $8, $9, $10, $11, $12)
            AS told (id, event_id, order_id, recipient, subject, text, html, payload, trace_parent)
        ORDER BY told.event_id, told.recipient
        ON CONFLICT (event_id, recipient, channel) DO NOTHING RETURNING event_id
        """;

    /// <summary>By mail, contact or not; and by webhook, where a customer has one now.</summary>
    public async Task TellCustomersAsync(IReadOnlyList<Told> told, CancellationToken ct)
    {
        var isNew = await WriteAsync(Audiences.Customer, Channels.Email, [.. told.Select(Mail)], ct);

        // A repeat tells nothing new, also to a webhook that is younger than the event.
        string[] customers = [.. told.Where(one => isNew.Contains(one.Event.EventId)).Select(one => one.Recipient).Distinct()];
        HashSet<string> listening = [.. await db.Contacts
            .Where(contact => customers.Contains(contact.CustomerId) && contact.WebhookUrl != null)
            .Select(contact => contact.CustomerId).ToListAsync(ct)];
        if (listening.Count > 0)
        {
            await WriteAsync(Audiences.Customer, Channels.Webhook,
                [.. told.Where(one => isNew.Contains(one.Event.EventId) && listening.Contains(one.Recipient)).Select(Call)], ct);
        }
    }

    /// <summary>By mail.</summary>
    public Task TellStaffAsync(IReadOnlyList<Told> told, CancellationToken ct) =>
        WriteAsync(Audiences.Staff, Channels.Email, [.. told.Select(Mail)], ct);

    private Row Mail(Told told) => new(NewId(), told, told.Letter.MailText(), told.Letter.MailHtml(), null);

    private Row Call(Told told)
    {
        var (id, text) = (NewId(), told.Letter.PlainText());
        return new(id, told, text, null, JsonSerializer.Serialize(
            new WebhookPayload(id, ShopEvents.Catalog.NameOf(told.Event.GetType()), told.Event.OccurredAt, told.OrderId, told.Letter.Subject, text),
            JsonSerializerOptions.Web));
    }

    private Guid NewId() => Guid.CreateVersion7(clock.GetUtcNow());

    /// <summary>All in one statement, in the order of their key. Says of which events they are that were not written before.</summary>
    private async Task<HashSet<Guid>> WriteAsync(string audience, string channel, IReadOnlyList<Row> rows, CancellationToken ct)
    {
        await using var insert = new NpgsqlCommand(Write, (NpgsqlConnection)db.Database.GetDbConnection())
        {
            Parameters =
            {
                new NpgsqlParameter<string> { TypedValue = audience },
                new NpgsqlParameter<string> { TypedValue = channel },
                new NpgsqlParameter<DateTimeOffset> { TypedValue = clock.GetUtcNow() },
                Column(rows, row => row.Id),
                Column(rows, row => row.Told.Event.EventId),
                Column(rows, row => row.Told.OrderId),
                Column(rows, row => row.Told.Recipient),
                Column(rows, row => row.Told.Letter.Subject),
                Column(rows, row => row.Text),
                Column(rows, row => row.Html),
                Column(rows, row => row.Payload),
                Column(rows, row => row.Told.TraceParent),
            },
        };
        HashSet<Guid> isNew = [];
        await using var reader = await insert.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            isNew.Add(reader.GetGuid(0));
        }

        return isNew;
    }

    private static NpgsqlParameter<T[]> Column<T>(IEnumerable<Row> rows, Func<Row, T> column) => new() { TypedValue = [.. rows.Select(column)] };

    private sealed record Row(Guid Id, Told Told, string Text, string? Html, string? Payload);
}
