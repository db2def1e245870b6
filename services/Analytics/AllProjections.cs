using Shop.Analytics.Features.BestSellers;
using Shop.Analytics.Features.Funnel;
using Shop.Analytics.Features.Projections;
using Shop.Analytics.Features.Rejections;
using Shop.Analytics.Features.SalesPerDay;
using Shop.Analytics.Features.StockOuts;

namespace Shop.Analytics;

/// <summary>The figures that this service derives from events.</summary>
internal static class AllProjections
{
    /// <summary>Sales come last: all of a day's orders update one row, whose lock is held until the commit.</summary>
    public static ProjectionCatalog Catalog { get; } =
        new([OrderJourneys.Projection, SoldLines.Projection, RejectedOrders.Projection, StockOutDays.Projection, DailySales.Projection]);
}
