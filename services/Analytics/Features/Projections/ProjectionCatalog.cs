using Shop.Analytics.Features.BestSellers;
using Shop.Analytics.Features.Funnel;
using Shop.Analytics.Features.Rejections;
using Shop.Analytics.Features.SalesPerDay;
using Shop.Analytics.Features.StockOuts;
using Shop.Messaging;

namespace Shop.Analytics.Features.Projections;

/// <summary>All projections.</summary>
internal static class ProjectionCatalog
{
    /// <summary>Sales come last: all of a day's orders update one row, whose lock is held until the commit.</summary>
    public static IReadOnlyList<Projection> All { get; } =
        [OrderJourneys.Projection, SoldLines.Projection, RejectedOrders.Projection, StockOutDays.Projection, DailySales.Projection];

    /// <summary>The projection of this name, or null.</summary>
    public static Projection? Find(string name) => All.FirstOrDefault(projection => projection.Name == name);

    /// <summary>The day, UTC, that an event belongs to, however late it is.</summary>
    public static DateOnly DayOf(IIntegrationEvent @event) => DateOnly.FromDateTime(@event.OccurredAt.UtcDateTime);
}
