using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Shop.Messaging.Operations;
using Shop.ServiceDefaults.Http;

namespace Shop.ServiceDefaults.Operations;

/// <summary>How many parked streams were made due.</summary>
/// <param name="Count">At least 1, unless all were requested and none is parked.</param>
public sealed record RetriedResponse(int Count);

/// <summary>A service's routes for its outbox, for staff.</summary>
internal static class OutboxEndpoints
{
    public static void MapOutbox(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/outbox").RequireAuthorization(Auth.Staff).WithTags("Outbox");
        group.MapGet("", Show).WithSummary("Events of this service: ready to publish, parked and why, published (staff).")
            .WithDescription("At most limit (200) parked streams, the longest parked first, and published events, the newest first: at most 100, "
                + "and only those that the answering instance has published since its start.");
        group.MapPost("retry", Retry).WithSummary("Retries the parked events of a stream, or of all streams, now (staff).")
            .WithDescription("Parked events are retried automatically, after 5 minutes at the latest.")
            .ProducesProblem(StatusCodes.Status404NotFound);
    }

    private static async Task<Ok<OutboxView>> Show(
        IOutboxReport outbox, CancellationToken ct, [Range(1, Paging.MaxLimit)] int limit = Paging.MaxLimit) =>
        TypedResults.Ok(await outbox.ReadAsync(limit, ct));

    private static async Task<Results<Ok<RetriedResponse>, ProblemHttpResult>> Retry(
        IOutboxReport outbox, CancellationToken ct, string? stream = null) => await outbox.RetryAsync(stream, ct) switch
        {
            0 when stream is not null => Problem.NotFound($"Stream {stream} has no parked events."),
            var count => TypedResults.Ok(new RetriedResponse(count)),
        };
}
