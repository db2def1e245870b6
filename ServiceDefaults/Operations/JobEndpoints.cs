using System.Security.Claims;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Shop.Messaging.Operations;
using Shop.ServiceDefaults.Http;

namespace Shop.ServiceDefaults.Operations;

/// <summary>A retry, or a discard, of many dead letters or parked events.</summary>
/// <param name="Kind">retry or discard.</param>
/// <param name="Queue">The queue whose dead letters are moved; <c>outbox</c> for the parked events, by the first of each stream.</param>
/// <param name="Group">Only this group, as <c>/dead-letters/groups</c> or <c>/outbox/parked/groups</c> names it; missing for all.</param>
/// <param name="PerSecond">How many a second at most, from 1 to 1,000.</param>
/// <param name="Reason">For a discard: 1 to 500 characters on one line.</param>
public sealed record JobRequest(
    string Kind, string Queue, string? Group = null, int PerSecond = 50,
    string? Reason = null);

/// <summary>A service's routes for moving many dead letters or parked events, for staff.</summary>
internal static class JobEndpoints
{
    public static void MapJobs(this RouteGroupBuilder operations)
    {
        var group = operations.MapGroup("jobs");
        group.MapGet("", List).WithSummary("Retries and discards of many dead letters or parked events, the newest first (staff).");
        group.MapGet("{id:guid}", Show).WithSummary("A job and its progress (staff).").ProducesProblem(StatusCodes.Status404NotFound);
        group.MapPost("", Start).RequireAuthorization(Auth.OpsRedrive)
            .WithSummary("Retries or discards a queue's dead letters, or a group of them, or parked events, at a rate (staff).")
            .WithDescription("What is behind a discarded parked event is published without it.")
            .ProducesValidationProblem().ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status409Conflict);
        group.MapDelete("{id:guid}", Cancel).RequireAuthorization(Auth.OpsRedrive)
            .WithSummary("Cancels a job; what it has moved stays moved (staff).").ProducesProblem(StatusCodes.Status404NotFound);
    }

    private static async Task<Ok<IReadOnlyList<RedriveJob>>> List(RedriveJobs jobs, CancellationToken ct) => TypedResults.Ok(await jobs.ListAsync(ct));

    private static async Task<Results<Ok<RedriveJob>, ProblemHttpResult>> Show(Guid id, RedriveJobs jobs, CancellationToken ct) =>
        await jobs.FindAsync(id, ct) is { } job ? TypedResults.Ok(job) : NoJob(id);

    private static async Task<Results<Accepted<RedriveJob>, ProblemHttpResult, ValidationProblem>> Start(
        JobRequest request, RedriveJobs jobs, IDeadLetterQueues letters, ClaimsPrincipal user, CancellationToken ct)
    {
        if (request.Queue != RedriveOrder.Outbox && !letters.Has(request.Queue))
        {
            return DeadLetterEndpoints.NoQueue(letters, request.Queue);
        }

        if (request.Kind is not ("retry" or "discard"))
        {
            return Invalid("kind", "It must be retry or discard.");
        }

        if (request.Group is { } named && !(named.Length == 16 && named.All(char.IsAsciiHexDigitLower)))
        {
            return Invalid("group", "It must be a group of /dead-letters/groups or /outbox/parked/groups, or missing for all.");
        }

        if (request.PerSecond is < 1 or > 1_000)
        {
            return Invalid("perSecond", "It must be from 1 to 1000.");
        }

        if (request.Kind == "discard" && Reason.Problem(request.Reason) is { } problem)
        {
            return problem;
        }

        var order = new RedriveOrder(
            request.Kind, request.Queue, request.Group, request.PerSecond, request.Kind == "discard" ? request.Reason : null, user.CustomerId());
        var (job, started) = await jobs.StartAsync(order, ct);
        return started ? TypedResults.Accepted($"/operations/jobs/{job.Id}", job) : Problem.Of(StatusCodes.Status409Conflict, "job-is-running",
            $"Job {job.Id} ({job.Kind}) runs on {job.Queue} since {job.StartedAt:u}, started by {job.By}: wait until it ends, or cancel it.");
    }

    private static async Task<Results<Ok<RedriveJob>, ProblemHttpResult>> Cancel(
        Guid id, RedriveJobs jobs, ClaimsPrincipal user, CancellationToken ct) =>
        await jobs.CancelAsync(id, user.CustomerId(), ct) is { } job ? TypedResults.Ok(job) : NoJob(id);

    private static ValidationProblem Invalid(string member, string what) =>
        TypedResults.ValidationProblem(new Dictionary<string, string[]> { [member] = [what] });

    private static ProblemHttpResult NoJob(Guid id) => Problem.NotFound($"There is no job {id}.");
}
