using Shop.Analytics.Features.Projections;
using Shop.Contracts.Ordering.V1;
using Shop.Messaging;

namespace Shop.Analytics.Features.Rejections;

/// <summary>
/// How often a reason rejected orders on a day, or what one event adds to it: for each sku that was short, and for the reason as
/// a whole in the row with the empty sku, because an order may be short of several.
/// </summary>
internal sealed record RejectionDay
{
    /// <summary>UTC.</summary>
    public required DateOnly Day { get; init; }

    public required string Reason { get; init; }

    public required string Sku { get; init; }

    public long Orders { get; init; }

    /// <summary>Units that the orders asked for.</summary>
    public long Asked { get; init; }

    /// <summary>Units asked for that were not there.</summary>
    public long Missing { get; init; }
}

internal static class RejectedOrders
{
    /// <summary>The sku of the row that counts orders and not lines.</summary>
    public const string AnySku = "";

    public static readonly Projection Projection = new(
        "rejections",
        "rejections_per_day",
        Key: ["day", "reason", "sku"],
        Sums: ["orders", "asked", "missing"],
        Least: [],
        Day: "day",
        RowsOf);

    private static IEnumerable<object> RowsOf(IIntegrationEvent @event)
    {
        if (@event is not OrderRejected e)
        {
            return [];
        }

        var lines = e.ShortLines.Select(line => Row(line.Sku, line.Asked, Math.Max(0, line.Asked - line.Available))).ToList();
        return [Row(AnySku, lines.Sum(line => line.Asked), lines.Sum(line => line.Missing)), .. lines];

        RejectionDay Row(string sku, long asked, long missing) => new()
        {
            Day = Projection.DayOf(e),
            Reason = e.Reason,
            Sku = sku,
            Orders = 1,
            Asked = asked,
            Missing = missing,
        };
    }
}
