using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Notification.Persistence;
using Shop.ServiceDefaults.Http;

namespace Shop.Notification.Features.PutContact;

/// <summary>The caller's contact data. It replaces the previous data: a webhook that is left out is removed.</summary>
/// <param name="Name">The name for greetings, 1 to 200 characters on one line.</param>
/// <param name="Email">One bare mail address, such as ada@example.com, at most 254 characters.</param>
/// <param name="WebhookUrl">
/// The URL to post notifications to, as JSON, or null. An https URL without a login or a fragment, at most 2,000 characters.
/// </param>
public sealed record PutContactRequest(
    [property: Required, StringLength(Contact.MaxNameLength, MinimumLength = 1), SingleLine] string Name,
    [property: Required, StringLength(Contact.MaxEmailLength), MailboxAddress] string Email,
    [property: StringLength(Contact.MaxWebhookUrlLength), WebhookUrl] string? WebhookUrl = null);

/// <summary>The stored contact data.</summary>
/// <param name="CustomerId">The caller.</param>
/// <param name="Name">The name for greetings.</param>
/// <param name="Email">The mail address.</param>
/// <param name="WebhookUrl">The webhook's URL, or null.</param>
/// <param name="WebhookSecret">
/// The key that signs webhook calls. It is created with a new webhook URL, shown once, and null in
/// every other response.
/// </param>
public sealed record PutContactResponse(string CustomerId, string Name, string Email, string? WebhookUrl, string? WebhookSecret);

internal static class PutContactEndpoint
{
    public static void MapPutContact(this IEndpointRouteBuilder routes) => routes.MapPut("/contacts/me", PutContact)
        .WithSummary("Sets the caller's contact data. Notifications that failed with no-contact are sent now.")
        .WithDescription("The response has a new webhookSecret, once, if webhookUrl is new.")
        .ProducesValidationProblem();

    private static async Task<Ok<PutContactResponse>> PutContact(
        PutContactRequest request,
        ClaimsPrincipal user,
        NotificationDbContext db,
        WebhookAddresses addresses,
        HttpContext http,
        TimeProvider clock,
        CancellationToken ct)
    {
        var customerId = user.CustomerId();
        var now = clock.GetUtcNow();
        var url = request.WebhookUrl is null ? null : WebhookUrlAttribute.Normalized(request.WebhookUrl, addresses);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        await db.LockContactAsync(customerId, ct);

        // A new URL gets a new secret: whoever knows the old one must not be able to forge calls to the new URL.
        var known = await db.Contacts.AsNoTracking().FirstOrDefaultAsync(contact => contact.CustomerId == customerId, ct);
        var newSecret = url is null || url == known?.WebhookUrl ? null : WebhookSecret.New();
        var secret = url is null ? null : newSecret ?? known!.WebhookSecret;
        await db.Database.ExecuteSqlAsync($"""
            INSERT INTO contacts (customer_id, name, email, webhook_url, webhook_secret, updated_at)
            VALUES ({customerId}, {request.Name}, {request.Email}, {url}, {secret}, {now})
            ON CONFLICT (customer_id) DO UPDATE SET name = excluded.name, email = excluded.email,
                webhook_url = excluded.webhook_url, webhook_secret = excluded.webhook_secret, updated_at = excluded.updated_at
            """, ct);
        await db.Notifications
            .Where(n => n.Recipient == customerId && n.Audience == Audiences.Customer && (n.Channel == Channels.Email || url != null)
                && n.Status == NotificationStatus.Failed && n.LastError == Notification.NoContact)
            .ExecuteUpdateAsync(set => set
                .SetProperty(n => n.Status, NotificationStatus.Pending)
                .SetProperty(n => n.Attempts, 0)
                .SetProperty(n => n.NextAttemptAt, now)
                .SetProperty(n => n.LastError, (string?)null), ct);
        await transaction.CommitAsync(ct);
        http.Response.Headers.CacheControl = "no-store";
        return TypedResults.Ok(new PutContactResponse(customerId, request.Name, request.Email, url, newSecret));
    }
}
