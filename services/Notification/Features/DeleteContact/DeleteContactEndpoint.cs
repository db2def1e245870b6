using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Notification.Persistence;
using Shop.ServiceDefaults.Http;

namespace Shop.Notification.Features.DeleteContact;

internal static class DeleteContactEndpoint
{
    public static void MapDeleteContact(this IEndpointRouteBuilder routes) => routes.MapDelete("/contacts/me", DeleteContact)
        .WithSummary("Deletes the caller's name, address and webhook. Idempotent.")
        .WithDescription("Undelivered notifications then fail with no-contact, and become pending again with a new contact.");

    private static async Task<NoContent> DeleteContact(ClaimsPrincipal user, NotificationDbContext db, CancellationToken ct)
    {
        var customerId = user.CustomerId();
        await db.Contacts.Where(contact => contact.CustomerId == customerId).ExecuteDeleteAsync(ct);
        return TypedResults.NoContent();
    }
}
