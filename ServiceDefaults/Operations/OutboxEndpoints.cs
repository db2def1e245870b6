using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
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

/// <summary>Why a parked event is discarded.</summary>
/// <param name="Reason">1 to 500 characters on one line.</param>
/// <param name="Behind">How many events are parked behind it, as the person has seen it: they are published without it.</param>
public sealed record DiscardParkedRequest(string Reason, long Behind = 0);

/// <summary>A service's routes for its outbox, for staff.</summary>
internal static class OutboxEndpoints
{
    public static void MapOutbox(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/outbox").RequireAuthorization(Auth.OpsRead).WithTags("Outbox");
        group.MapGet("", Show).WithSummary("Events of this service: ready to publish, parked and why, published (staff).")
            .WithDescription("At most limit (200) parked streams, the longest parked first, and published events, the newest first: at most 100, "
                + "and only those that the answering instance has published since its start.");
        group.MapPost("retry", Retry).RequireAuthorization(Auth.OpsRedrive).WithSummary("Retries the parked events of a stream, or of all streams, now (staff).")
            .WithDescription("Parked events are retried automatically, after 5 minutes at the latest.")
            .ProducesProblem(StatusCodes.Status404NotFound);
        group.MapGet("parked", ListParked).WithSummary("Parked events with headers and body, personal data masked (staff).")
            .WithDescription("The longest parked stream first, and in order within it; at most limit (200), of all streams, of one, or of a group.");
        group.MapGet("parked/groups", ListParkedGroups).WithSummary("Parked streams by their first event's type and error, the largest group first (staff).");
        group.MapPost("parked/{seq:long}/discard", DiscardParked).RequireAuthorization(Auth.OpsRedrive)
            .WithSummary("Discards the first parked event of a stream; no consumer ever receives it (staff).")
            .WithDescription("The events behind it are published without it: the request must say how many they are. It is kept for 90 days with the reason.")
            .ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status409Conflict).ProducesValidationProblem();
    }

    private static async Task<Ok<IReadOnlyList<ParkedEvent>>> ListParked(
        IOutboxReport outbox, CancellationToken ct, string? stream = null, string? group = null, [Range(1, Paging.MaxLimit)] int limit = Paging.MaxLimit) =>
        TypedResults.Ok(group is null ? await outbox.ListParkedAsync(stream, limit, ct) : await outbox.ListParkedOfGroupAsync(group, limit, ct));

    private static async Task<Ok<IReadOnlyList<ParkedGroup>>> ListParkedGroups(
        IOutboxReport outbox, CancellationToken ct, [Range(1, Paging.MaxLimit)] int limit = Paging.MaxLimit) =>
        TypedResults.Ok(await outbox.GroupParkedAsync(limit, ct));

    private static async Task<Results<Ok<RetriedResponse>, ProblemHttpResult, ValidationProblem>> DiscardParked(
        long seq, DiscardParkedRequest request, IOutboxReport outbox, ClaimsPrincipal user, CancellationToken ct)
    {
        if (Reason.Problem(request.Reason) is { } problem)
        {
            return problem;
        }

        var discard = await outbox.DiscardParkedAsync(seq, request.Behind, request.Reason, user.CustomerId(), ct);
        if (!discard.Discarded)
        {
            return discard.Refusal is { } refusal
                ? Problem.Of(StatusCodes.Status409Conflict, "discard-refused", refusal)
                : Problem.NotFound($"There is no parked event at position {seq}: it was published, or discarded, or was never there.");
        }

        return TypedResults.Ok(new RetriedResponse(1));
    }

    private static async Task<Ok<OutboxView>> Show(
        IOutboxReport outbox, CancellationToken ct, [Range(1, Paging.MaxLimit)] int limit = Paging.MaxLimit) =>
        TypedResults.Ok(await outbox.ReadAsync(limit, ct));

    private static async Task<Results<Ok<RetriedResponse>, ProblemHttpResult>> Retry(
        IOutboxReport outbox, ClaimsPrincipal user, CancellationToken ct, string? stream = null)
    {
        var count = await outbox.RetryAsync(stream, user.CustomerId(), ct);
        if (count == 0 && stream is not null)
        {
            return Problem.NotFound($"Stream {stream} has no parked events.");
        }

        return TypedResults.Ok(new RetriedResponse(count));
    }
}
