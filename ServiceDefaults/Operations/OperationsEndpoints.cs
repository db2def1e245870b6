using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Shop.Messaging.Operations;
using Shop.ServiceDefaults.Http;

namespace Shop.ServiceDefaults.Operations;

/// <summary>A service's routes about how its events flow, for staff.</summary>
internal static class OperationsEndpoints
{
    private const int MaxEvents = 100;

    public static void MapOperations(this WebApplication app)
    {
        var group = app.MapGroup("/operations").RequireAuthorization(Auth.OpsRead).WithTags("Operations");
        group.MapGet("", Show).WithSummary("Outbox, relay, queues, duplicates and the last error of this service (staff).")
            .WithDescription("At most a second old. Counts of the answering instance since its start, where the outbox and the queues are of all instances.");
        group.MapGet("audit", ListAudit).WithSummary("Who retried or discarded what, when and why, the newest first (staff).");
        group.MapGet("contracts", ListContracts).WithSummary("The events that this service publishes and consumes, with how often in the last 24 hours (staff).");
        group.MapGet("journey", ShowJourney).WithSummary("What this service knows of some events: waiting, parked, published, handled, dead (staff).")
            .ProducesValidationProblem();
        group.MapInvariants();
        group.MapJobs();
    }

    private static async Task<Ok<IReadOnlyList<AuditEntry>>> ListAudit(
        AuditTrail audit, CancellationToken ct, [Range(1, Paging.MaxLimit)] int limit = 100) => TypedResults.Ok(await audit.ReadAsync(limit, ct));

    private static async Task<Ok<SeenEvents>> ListContracts(EventTraffic traffic, CancellationToken ct) => TypedResults.Ok(await traffic.ReadAsync(ct));

    private static async Task<Results<Ok<JourneyView>, ValidationProblem>> ShowJourney(
        IJourneyReport journey, CancellationToken ct, Guid[]? @event = null, string? stream = null) => @event is { Length: > MaxEvents }
            ? TypedResults.ValidationProblem(new Dictionary<string, string[]> { ["event"] = [$"At most {MaxEvents} events."] })
            : TypedResults.Ok(await journey.ReadAsync(@event ?? [], stream, ct));

    private static async Task<Ok<OperationsView>> Show(IOperationsReport report, CancellationToken ct) => TypedResults.Ok(await report.ReadAsync(ct));
}
