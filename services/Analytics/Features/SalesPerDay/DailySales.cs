using Shop.Analytics.Features.Projections;
using Shop.Contracts.Ordering.V1;
using Shop.Messaging;

namespace Shop.Analytics.Features.SalesPerDay;

/// <summary>A day's sales in one currency, or what one event adds to them.</summary>
internal sealed record SalesDay
{
    /// <summary>UTC.</summary>
    public required DateOnly Day { get; init; }

    public required string Currency { get; init; }

    /// <summary>Orders confirmed on this day, also those cancelled later.</summary>
    public long Orders { get; init; }

    public long Units { get; init; }

    public decimal Revenue { get; init; }

    /// <summary>Orders cancelled on this day after they had been confirmed, on this or an earlier one.</summary>
    public long CancelledOrders { get; init; }

    public decimal CancelledRevenue { get; init; }
}

/// <summary>
/// A sale counts when the order is confirmed, on the day of the event and not of its receipt. A cancellation does not change past
/// days: it counts on its own day, and only where a sale was counted.
/// </summary>
internal static class DailySales
{
    public static readonly Projection Projection = new(
        "sales",
        "sales_per_day",
        Key: ["day", "currency"],
        Sums: ["orders", "units", "revenue", "cancelled_orders", "cancelled_revenue"],
        Least: [],
        Day: "day",
        RowsOf);

    private static IEnumerable<object> RowsOf(IIntegrationEvent @event) => @event switch
    {
        OrderConfirmed e => [new SalesDay
        {
            Day = Projection.DayOf(e),
            Currency = e.Currency,
            Orders = 1,
            Units = e.Lines.Sum(line => (long)line.Quantity),
            Revenue = e.Total,
        }],
        OrderCancelled { WasConfirmed: true } e => [new SalesDay
        {
            Day = Projection.DayOf(e),
            Currency = e.Currency,
            CancelledOrders = 1,
            CancelledRevenue = e.Total,
        }],
        _ => [],
    };
}
