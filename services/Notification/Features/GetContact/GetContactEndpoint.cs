using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Notification.Persistence;
using Shop.ServiceDefaults.Http;

namespace Shop.Notification.Features.GetContact;

/// <summary>A customer's contact data.</summary>
/// <param name="CustomerId">The caller.</param>
/// <param name="Name">The name for greetings.</param>
/// <param name="Email">The mail address.</param>
/// <param name="WebhookUrl">The webhook's URL, or null. Its secret is not shown again.</param>
/// <param name="UpdatedAt">When it was last updated, UTC.</param>
public sealed record ContactResponse(string CustomerId, string Name, string Email, string? WebhookUrl, DateTimeOffset UpdatedAt);

internal static class GetContactEndpoint
{
    public static void MapGetContact(this IEndpointRouteBuilder routes) => routes.MapGet("/contacts/me", GetContact)
        .WithSummary("The caller's contact data.")
        .ProducesProblem(StatusCodes.Status404NotFound);

    private static async Task<Results<Ok<ContactResponse>, ProblemHttpResult>> GetContact(
        ClaimsPrincipal user, NotificationDbContext db, CancellationToken ct)
    {
        var customerId = user.CustomerId();
        var contact = await db.Contacts.AsNoTracking().FirstOrDefaultAsync(contact => contact.CustomerId == customerId, ct);
        return contact is null
            ? Problem.NotFound("There is no contact data for you. Add it by PUT /contacts/me.")
            : TypedResults.Ok(new ContactResponse(customerId, contact.Name, contact.Email, contact.WebhookUrl, contact.UpdatedAt));
    }
}
