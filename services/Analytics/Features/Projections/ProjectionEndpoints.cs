using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Analytics.Persistence;
using Shop.ServiceDefaults.Http;

namespace Shop.Analytics.Features.Projections;

/// <summary>A projection and its newest rebuild, if it ever had one.</summary>
public sealed record ProjectionResponse(string Name, RebuildResponse? LastRebuild);

/// <summary>A rebuild: <c>running</c>, <c>done</c> or <c>failed</c>, and its progress.</summary>
/// <param name="Id">The rebuild.</param>
/// <param name="Projection">What is rebuilt.</param>
/// <param name="State">While it is running, and after a failure, the previous figures are served.</param>
/// <param name="From">The day from which it is rebuilt; null for all of it.</param>
/// <param name="EventsDone">Events of the log that it has read.</param>
/// <param name="EventsTotal">Events that it has to read; null until they are counted.</param>
/// <param name="StartedAt">UTC.</param>
/// <param name="FinishedAt">UTC; null while it is running.</param>
/// <param name="Error">Why it failed.</param>
public sealed record RebuildResponse(
    Guid Id,
    string Projection,
    string State,
    DateOnly? From,
    long EventsDone,
    long? EventsTotal,
    DateTimeOffset StartedAt,
    DateTimeOffset? FinishedAt,
    string? Error);

internal static class ProjectionEndpoints
{
    public static void MapProjections(this IEndpointRouteBuilder routes)
    {
        var projections = routes.MapGroup("/analytics/projections").RequireAuthorization(Auth.Staff);
        projections.MapGet("", GetProjections).WithSummary("The projections, each with its newest rebuild.");
        projections.MapPost("{name}/rebuild", StartRebuild)
            .WithSummary("Rebuilds a projection from the event log while the figures stay readable and events keep coming in; "
                + "from (YYYY-MM-DD, UTC) keeps what is before that day as it is.");
        projections.MapGet("{name}/rebuilds/{id:guid}", GetRebuild).WithSummary("The progress of a rebuild.");
    }

    private static async Task<Ok<IReadOnlyList<ProjectionResponse>>> GetProjections(
        AnalyticsDbContext db, ProjectionCatalog catalog, CancellationToken ct)
    {
        var newest = await db.Rebuilds.AsNoTracking()
            .GroupBy(rebuild => rebuild.Projection)
            .Select(rebuilds => rebuilds.OrderByDescending(rebuild => rebuild.StartedAt).First())
            .ToListAsync(ct);
        var projections = catalog.All.OrderBy(projection => projection.Name, StringComparer.Ordinal)
            .Select(projection => new ProjectionResponse(
                projection.Name,
                newest.Where(rebuild => rebuild.Projection == projection.Name).Select(ToResponse).SingleOrDefault()));
        return TypedResults.Ok<IReadOnlyList<ProjectionResponse>>([.. projections]);
    }

    private static async Task<Results<Accepted<RebuildResponse>, ProblemHttpResult>> StartRebuild(
        string name, ProjectionCatalog projections, ProjectionRebuilds rebuilds, TimeProvider clock, CancellationToken ct, string? from = null)
    {
        if (projections.Find(name) is not { } projection)
        {
            return NoProjection(name, projections);
        }

        DateOnly? day = null;
        if (from is not null)
        {
            if (!DayRange.TryReadDay(from, out var first))
            {
                return DayRange.NoDay("from", from);
            }

            if (first > DateOnly.FromDateTime(clock.GetUtcNow().UtcDateTime))
            {
                return DayRange.Bad($"{from} is in the future.");
            }

            day = first;
        }

        var (started, refusal) = await rebuilds.StartAsync(projection, day, ct);
        return refusal switch
        {
            StartRefusal.Running => Conflict("rebuild-running", $"'{name}' is already being rebuilt; wait until it has finished."),
            StartRefusal.LogCut => Conflict("event-log-cut", "Old months of the event log were removed, so a rebuild of everything "
                + $"would lose their figures. Rebuild from a day that the log still covers: ?from={await rebuilds.KeptFromAsync(ct):yyyy-MM-dd} or later."),
            StartRefusal.Busy => Conflict("projections-busy", "The projections are locked by other transactions. Try again shortly."),
            _ => TypedResults.Accepted($"/analytics/projections/{name}/rebuilds/{started!.Id}", ToResponse(started)),
        };
    }

    private static async Task<Results<Ok<RebuildResponse>, ProblemHttpResult>> GetRebuild(
        string name, Guid id, AnalyticsDbContext db, CancellationToken ct) =>
        await db.Rebuilds.AsNoTracking().SingleOrDefaultAsync(rebuild => rebuild.Id == id && rebuild.Projection == name, ct) is { } rebuild
            ? TypedResults.Ok(ToResponse(rebuild))
            : Problem.NotFound($"There is no rebuild {id} of '{name}'.");

    private static RebuildResponse ToResponse(ProjectionRebuild r) =>
        new(r.Id, r.Projection, r.State, r.FromDay, r.EventsDone, r.EventsTotal, r.StartedAt, r.FinishedAt, r.Error);

    private static ProblemHttpResult NoProjection(string name, ProjectionCatalog projections) => Problem.NotFound(
        $"There is no projection '{name}'. There are {string.Join(", ", projections.All.Select(p => p.Name).Order(StringComparer.Ordinal))}.");

    private static ProblemHttpResult Conflict(string code, string detail) => Problem.Of(StatusCodes.Status409Conflict, code, detail);
}
