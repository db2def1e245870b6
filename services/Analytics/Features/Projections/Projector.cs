using Microsoft.EntityFrameworkCore;
using Shop.Analytics.Persistence;
using Shop.Contracts;
using Shop.Messaging;

namespace Shop.Analytics.Features.Projections;

/// <summary>Applies events to the tables of the projections: a received batch, or a batch of a rebuild.</summary>
internal static class Projector
{
    /// <summary>Applies events to all projections, and to the shadows of those that are being rebuilt: each row is updated once.</summary>
    /// <param name="db">In the transaction that logs the events.</param>
    /// <param name="projections">All projections.</param>
    /// <param name="events">The events.</param>
    /// <param name="building">The names of the projections that are being rebuilt.</param>
    /// <param name="ct">Cancels.</param>
    public static async Task ApplyAsync(this AnalyticsDbContext db, ProjectionCatalog projections, IReadOnlyList<IIntegrationEvent> events,
        IReadOnlyCollection<string> building, CancellationToken ct)
    {
        List<string> statements = [];
        List<object> parameters = [];
        foreach (var projection in projections.All)
        {
            var rows = RowsOf(projection, events);
            if (rows.Count == 0)
            {
                continue;
            }

            if (building.Contains(projection.Name))
            {
                statements.Add(projection.MergeSql(Projection.Shadow, parameters.Count));
            }

            statements.Add(projection.MergeSql(Projection.Live, parameters.Count));
            parameters.Add(Projection.ToJson(rows));
        }

        if (statements.Count > 0)
        {
            await db.Database.ExecuteSqlRawAsync(string.Concat(statements), parameters, ct);
        }
    }

    /// <summary>Applies a batch of the log to the shadow of one projection.</summary>
    public static async Task ApplyToShadowAsync(
        this AnalyticsDbContext db, Projection projection, IEnumerable<IIntegrationEvent> events, CancellationToken ct)
    {
        var rows = RowsOf(projection, events);
        if (rows.Count > 0)
        {
            await db.Database.ExecuteSqlRawAsync(projection.MergeSql(Projection.Shadow, 0), [Projection.ToJson(rows)], ct);
        }
    }

    /// <summary>Projections handle the newest version of an event only; the log keeps each as it was received.</summary>
    private static List<object> RowsOf(Projection projection, IEnumerable<IIntegrationEvent> events) =>
        [.. events.Select(ShopEvents.Catalog.Newest).SelectMany(projection.RowsOf)];
}
