using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Notification.Persistence;
using Shop.ServiceDefaults.Http;

namespace Shop.Notification.Features.GetContact;

/// <summary>How the shop reaches a customer.</summary>
/// <param name="CustomerId">The caller.</param>
/// <param name="Name">What to call them.</param>
/// <param name="Email">Where to write to.</param>
/// <param name="WebhookUrl">Where to post to, or null. Its secret is not shown again.</param>
/// <param name="UpdatedAt">When it was put, UTC.</param>
public sealed record ContactResponse(string CustomerId, string Name, string Email, string? WebhookUrl, DateTimeOffset UpdatedAt);

internal static class GetContactEndpoint
{
    public static void MapGetContact(this IEndpointRouteBuilder routes) => routes.MapGet("/contacts/me", GetContact)
        .WithSummary("How the shop reaches the caller.")
        .ProducesProblem(StatusCodes.Status404NotFound);

    private static async Task<Results<Ok<ContactResponse>, ProblemHttpResult>> GetContact(
        ClaimsPrincipal user, NotificationDbContext db, CancellationToken ct)
    {
        var customerId = user.CustomerId();
        var contact = await db.Contacts.AsNoTracking().FirstOrDefaultAsync(contact => contact.CustomerId == customerId, ct);
        return contact is null
            ? Problem.NotFound("The shop does not know how to reach you. PUT /contacts/me says it.")
            : TypedResults.Ok(new ContactResponse(customerId, contact.Name, contact.Email, contact.WebhookUrl, contact.UpdatedAt));
    }
}
