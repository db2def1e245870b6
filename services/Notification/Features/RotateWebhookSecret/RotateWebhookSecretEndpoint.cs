using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Notification.Persistence;
using Shop.ServiceDefaults.Http;

namespace Shop.Notification.Features.RotateWebhookSecret;

/// <summary>The new key that signs webhook calls. It is not shown again.</summary>
/// <param name="WebhookSecret">The key, including its prefix.</param>
public sealed record RotateWebhookSecretResponse(string WebhookSecret);

internal static class RotateWebhookSecretEndpoint
{
    public static void MapRotateWebhookSecret(this IEndpointRouteBuilder routes) =>
        routes.MapPost("/contacts/me/webhook-secret", RotateWebhookSecret)
            .WithSummary("Creates a new secret for the caller's webhook and shows it once. The old one is invalid immediately.")
            .ProducesProblem(StatusCodes.Status404NotFound);

    private static async Task<Results<Ok<RotateWebhookSecretResponse>, ProblemHttpResult>> RotateWebhookSecret(
        ClaimsPrincipal user, NotificationDbContext db, HttpContext http, TimeProvider clock, CancellationToken ct)
    {
        var customerId = user.CustomerId();
        var now = clock.GetUtcNow();
        var secret = WebhookSecret.New();
        var changed = await db.Contacts.Where(contact => contact.CustomerId == customerId && contact.WebhookUrl != null)
            .ExecuteUpdateAsync(set => set
                .SetProperty(contact => contact.WebhookSecret, secret)
                .SetProperty(contact => contact.UpdatedAt, now), ct);
        if (changed == 0)
        {
            return Problem.NotFound("You have no webhook. Add one by PUT /contacts/me with a webhookUrl.");
        }

        http.Response.Headers.CacheControl = "no-store";
        return TypedResults.Ok(new RotateWebhookSecretResponse(secret));
    }
}
