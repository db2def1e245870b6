using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Notification.Features.Deliver;
using Shop.Notification.Persistence;
using Shop.ServiceDefaults.Http;

namespace Shop.Notification.Features.PutContact;

/// <summary>How to reach the caller.</summary>
/// <param name="Name">What to call them in a greeting, 1 to 200 characters on one line.</param>
/// <param name="Email">Where to write to: one bare address, such as ada@example.com, at most 254 characters.</param>
public sealed record PutContactRequest(
    [property: Required, StringLength(Contact.MaxNameLength, MinimumLength = 1), OneLine] string Name,
    [property: Required, StringLength(Contact.MaxEmailLength), MailboxAddress] string Email);

/// <summary>How the shop reaches a customer.</summary>
/// <param name="CustomerId">The caller.</param>
/// <param name="Name">What to call them.</param>
/// <param name="Email">Where to write to.</param>
public sealed record ContactResponse(string CustomerId, string Name, string Email);

internal static class PutContactEndpoint
{
    public static void MapPutContact(this IEndpointRouteBuilder routes) => routes.MapPut("/contacts/me", PutContact)
        .WithSummary("Says how to reach the caller. Notifications that had nowhere to go are sent now.")
        .ProducesValidationProblem();

    private static async Task<Ok<ContactResponse>> PutContact(
        PutContactRequest request, ClaimsPrincipal user, NotificationDbContext db, TimeProvider clock, CancellationToken ct)
    {
        var customerId = user.CustomerId();
        var now = clock.GetUtcNow();
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        await db.LockContactAsync(customerId, ct);
        await db.Database.ExecuteSqlAsync($"""
            INSERT INTO contacts (customer_id, name, email, updated_at) VALUES ({customerId}, {request.Name}, {request.Email}, {now})
            ON CONFLICT (customer_id) DO UPDATE SET name = excluded.name, email = excluded.email, updated_at = excluded.updated_at
            """, ct);
        await db.Notifications
            .Where(n => n.Recipient == customerId && n.Status == NotificationStatus.Failed && n.LastError == DeliveryError.NoContact)
            .ExecuteUpdateAsync(set => set
                .SetProperty(n => n.Status, NotificationStatus.Pending)
                .SetProperty(n => n.Attempts, 0)
                .SetProperty(n => n.NextAttemptAt, now)
                .SetProperty(n => n.LastError, (string?)null), ct);
        await transaction.CommitAsync(ct);
        return TypedResults.Ok(new ContactResponse(customerId, request.Name, request.Email));
    }
}
