using System.ComponentModel.DataAnnotations;
using System.Security.Claims;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Shop.Messaging.Operations;
using Shop.ServiceDefaults.Http;

namespace Shop.ServiceDefaults.Operations;

/// <summary>Why a dead letter is discarded.</summary>
/// <param name="Reason">1 to 500 characters on one line.</param>
public sealed record DiscardRequest(string Reason);

/// <summary>
/// How many messages were retried, or discarded. A message is moved before the response of an Idempotency-Key is stored: after a
/// crash in between, a retried request moves what is left, and returns 0 where nothing is.
/// </summary>
/// <param name="Count">How many this request moved. 0 where there is none with this id: it was moved before, or never existed.</param>
/// <param name="Left">How many were left: the broker rejected them (the log of the service has the reason), or there was no time for them.</param>
public sealed record MovedResponse(int Count, int Left);

/// <summary>A service's routes for its dead letters, for staff.</summary>
internal static class DeadLetterEndpoints
{
    private const int MaxGrouped = 1_000;

    public static void MapDeadLetters(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/dead-letters").RequireAuthorization(Auth.OpsRead).WithTags("Dead letters");
        group.MapGet("", List).WithSummary("Messages that a consumer of this service could not handle, oldest first (staff).")
            .WithDescription("At most limit (200) of each queue, or of one queue; of a group, among the first 1,000 of each queue.")
            .ProducesProblem(StatusCodes.Status404NotFound);
        group.MapGet("groups", ListGroups).WithSummary("Dead letters by consumer, event, exception and frame, the largest group first (staff).")
            .WithDescription("At most limit (1000) messages of each queue are read, which takes a moment where there are many.");
        group.MapGet("discarded", ListDiscarded).WithSummary("Dead letters that were discarded, with the reason (staff).");
        group.MapGet("{queue}/{id}", Show).WithSummary("A dead letter's headers and body, with personal data masked (staff).")
            .ProducesProblem(StatusCodes.Status404NotFound);
        group.MapPost("{queue}/retry", RetryAll).RequireAuthorization(Auth.OpsRedrive)
            .WithSummary("Retries all dead letters of a queue (staff).")
            .ProducesProblem(StatusCodes.Status404NotFound);
        group.MapPost("{queue}/{id}/retry", Retry).RequireAuthorization(Auth.OpsRedrive).WithSummary("Retries a dead letter (staff).")
            .ProducesProblem(StatusCodes.Status404NotFound);
        group.MapPost("{queue}/{id}/discard", Discard).RequireAuthorization(Auth.OpsRedrive).WithSummary("Discards a dead letter; it is kept with the reason (staff).")
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesValidationProblem();
    }

    private static async Task<Results<Ok<List<DeadLetter>>, ProblemHttpResult>> List(
        IDeadLetterQueues letters, CancellationToken ct, string? queue = null, string? group = null,
        [Range(1, Paging.MaxLimit)] int limit = Paging.MaxLimit)
    {
        if (queue is not null && !letters.Has(queue))
        {
            return NoQueue(letters, queue);
        }

        List<DeadLetter> all = [];
        foreach (var own in letters.Queues.Where(own => queue is null || own == queue))
        {
            all.AddRange(group is null
                ? await letters.ListAsync(own, limit, ct)
                : (await letters.ListAsync(own, MaxGrouped, ct)).Where(letter => letter.Group == group).Take(limit));
        }

        return TypedResults.Ok(all);
    }

    private static async Task<Ok<DeadLetterGroups>> ListGroups(
        IDeadLetterQueues letters, CancellationToken ct, [Range(1, MaxGrouped)] int limit = MaxGrouped) => TypedResults.Ok(await letters.GroupAsync(limit, ct));

    private static async Task<Ok<List<DeadLetter>>> ListDiscarded(
        IDeadLetterQueues letters, CancellationToken ct, [Range(1, Paging.MaxLimit)] int limit = Paging.MaxLimit) =>
        TypedResults.Ok(await letters.ListDiscardedAsync(limit, ct));

    private static async Task<Results<Ok<DeadLetterContent>, ProblemHttpResult>> Show(
        string queue, string id, IDeadLetterQueues letters, CancellationToken ct) => !letters.Has(queue)
            ? NoQueue(letters, queue)
            : await letters.FindAsync(queue, id, ct) is { } content
                ? TypedResults.Ok(content)
                : NoLetter(queue, id);

    private static Task<Results<Ok<MovedResponse>, ProblemHttpResult>> RetryAll(
        string queue, IDeadLetterQueues letters, AuditTrail audit, ClaimsPrincipal user, CancellationToken ct) =>
        RetryAsync(queue, id: null, letters, audit, user, ct);

    private static Task<Results<Ok<MovedResponse>, ProblemHttpResult>> Retry(
        string queue, string id, IDeadLetterQueues letters, AuditTrail audit, ClaimsPrincipal user, CancellationToken ct) =>
        RetryAsync(queue, id, letters, audit, user, ct);

    private static async Task<Results<Ok<MovedResponse>, ProblemHttpResult>> RetryAsync(
        string queue, string? id, IDeadLetterQueues letters, AuditTrail audit, ClaimsPrincipal user, CancellationToken ct)
    {
        if (!letters.Has(queue))
        {
            return NoQueue(letters, queue);
        }

        var moved = await audit.RecordAsync(user.CustomerId(), id is null ? "retry dead letters" : "retry dead letter",
            id is null ? queue : $"{queue} {id}", reason: null, () => letters.RetryAsync(queue, id, ct), ct);
        return TypedResults.Ok(ResponseOf(moved));
    }

    private static async Task<Results<Ok<MovedResponse>, ProblemHttpResult, ValidationProblem>> Discard(
        string queue, string id, DiscardRequest request, IDeadLetterQueues letters, ClaimsPrincipal user, CancellationToken ct)
    {
        if (Reason.Problem(request.Reason) is { } problem)
        {
            return problem;
        }

        if (!letters.Has(queue))
        {
            return NoQueue(letters, queue);
        }

        return TypedResults.Ok(ResponseOf(await letters.DiscardAsync(queue, id, request.Reason, user.CustomerId(), ct)));
    }

    private static MovedResponse ResponseOf(Moved moved) => new(moved.Count, moved.Left);

    private static ProblemHttpResult NoLetter(string queue, string id) => Problem.NotFound($"There is no dead letter {id} of {queue}.");

    /// <summary>The response for a queue of another service, or of none.</summary>
    public static ProblemHttpResult NoQueue(IDeadLetterQueues letters, string queue) =>
        Problem.NotFound($"{queue} is not a queue of this service. Its queues: {string.Join(", ", letters.Queues)}.");
}
