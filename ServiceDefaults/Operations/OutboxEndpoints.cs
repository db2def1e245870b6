using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Shop.Messaging.Operations;
using Shop.ServiceDefaults.Http;

namespace Shop.ServiceDefaults.Operations;

/// <summary>How many parked streams are tried at once.</summary>
/// <param name="Count">At least 1, unless all were asked for and there are none.</param>
public sealed record RetriedResponse(int Count);

/// <summary>Every service's routes for its own outbox, for staff.</summary>
internal static class OutboxEndpoints
{
    public static void MapOutbox(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/outbox").RequireAuthorization(Auth.Staff).WithTags("Outbox");
        group.MapGet("", Show).WithSummary("Events of this service that are not sent yet, and why (staff).")
            .WithDescription("At most limit (200) parked streams, the longest parked first.");
        group.MapPost("retry", Retry).WithSummary("Has the parked events of a stream, or of all streams, tried at once (staff).")
            .WithDescription("Parked events are tried again by themselves, after 5 minutes at the latest.")
            .ProducesProblem(StatusCodes.Status404NotFound);
    }

    private static async Task<Ok<OutboxView>> Show(
        IOutboxReport outbox, CancellationToken ct, [Range(1, Paging.MaxLimit)] int limit = Paging.MaxLimit) =>
        TypedResults.Ok(await outbox.ReadAsync(limit, ct));

    private static async Task<Results<Ok<RetriedResponse>, ProblemHttpResult>> Retry(
        IOutboxReport outbox, CancellationToken ct, string? stream = null) => await outbox.RetryAsync(stream, ct) switch
        {
            0 when stream is not null => Problem.NotFound($"Nothing is parked of stream {stream}."),
            var count => TypedResults.Ok(new RetriedResponse(count)),
        };
}
