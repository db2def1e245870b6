using Microsoft.EntityFrameworkCore;
using Shop.Analytics.Persistence;
using Shop.Contracts;
using Shop.Contracts.Ordering.V1;

namespace Shop.Analytics.Features.SalesPerDay;

/// <summary>What one event adds to its day.</summary>
internal sealed record SalesChange(
    DateOnly Day,
    string Currency,
    int Orders = 0,
    long Units = 0,
    decimal Revenue = 0,
    int CancelledOrders = 0,
    decimal CancelledRevenue = 0);

/// <summary>A day's sales in one currency: a sum over events, so that their order does not matter.</summary>
internal sealed class SalesDay
{
    /// <summary>UTC.</summary>
    public DateOnly Day { get; private init; }

    public string Currency { get; private init; } = "";

    /// <summary>Orders confirmed on this day, also those cancelled later.</summary>
    public long Orders { get; private init; }

    public long Units { get; private init; }

    public decimal Revenue { get; private init; }

    /// <summary>Orders cancelled on this day after they had been confirmed, on this or an earlier one.</summary>
    public long CancelledOrders { get; private init; }

    public decimal CancelledRevenue { get; private init; }
}

/// <summary>
/// The projection: sold when it is confirmed, on the day when that happened and not when it was heard of. A cancellation
/// changes no day that is over: it counts on its own day, and only where a sale was counted.
/// </summary>
internal static class DailySales
{
    public static SalesChange? Of(IIntegrationEvent @event) => @event switch
    {
        OrderConfirmed e => new SalesChange(
            DayOf(e), e.Currency, Orders: 1, Units: e.Lines.Sum(line => (long)line.Quantity), Revenue: e.Total),
        OrderCancelled { WasConfirmed: true } e => new SalesChange(DayOf(e), e.Currency, CancelledOrders: 1, CancelledRevenue: e.Total),
        _ => null,
    };

    public static Task ApplyAsync(this AnalyticsDbContext db, SalesChange change, CancellationToken ct) => db.Database.ExecuteSqlAsync(
        $"""
        INSERT INTO sales_per_day AS sales (day, currency, orders, units, revenue, cancelled_orders, cancelled_revenue)
        VALUES ({change.Day}, {change.Currency}, {change.Orders}, {change.Units}, {change.Revenue},
            {change.CancelledOrders}, {change.CancelledRevenue})
        ON CONFLICT (day, currency) DO UPDATE SET
            orders = sales.orders + excluded.orders,
            units = sales.units + excluded.units,
            revenue = sales.revenue + excluded.revenue,
            cancelled_orders = sales.cancelled_orders + excluded.cancelled_orders,
            cancelled_revenue = sales.cancelled_revenue + excluded.cancelled_revenue
        """, ct);

    private static DateOnly DayOf(IIntegrationEvent @event) => DateOnly.FromDateTime(@event.OccurredAt.UtcDateTime);
}
