using Shop.Analytics.Features.Projections;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging;

namespace Shop.Analytics.Features.StockOuts;

/// <summary>How often and by how much a product was short on a day, or what one event adds to it.</summary>
internal sealed record StockOutDay
{
    /// <summary>UTC.</summary>
    public required DateOnly Day { get; init; }

    public required string Sku { get; init; }

    /// <summary>Reservations that failed for want of it.</summary>
    public long Shortages { get; init; }

    /// <summary>Units that those reservations asked for.</summary>
    public long Asked { get; init; }

    /// <summary>Units asked for that were not there.</summary>
    public long Missing { get; init; }

    /// <summary>How often the stock fell to its threshold.</summary>
    public long LowAlerts { get; init; }
}

/// <summary>
/// From Inventory's events only: Ordering's rejection is the same shortage, which would be counted twice; it is in
/// the rejections.
/// </summary>
internal static class StockOutDays
{
    public static readonly Projection Projection = new(
        "stock-outs",
        "stock_outs_per_day",
        Key: ["day", "sku"],
        Sums: ["shortages", "asked", "missing", "low_alerts"],
        Least: [],
        Day: "day",
        RowsOf);

    private static IEnumerable<object> RowsOf(IIntegrationEvent @event) => @event switch
    {
        StockReservationFailed e => e.ShortLines.Select(line => new StockOutDay
        {
            Day = Projection.DayOf(e),
            Sku = line.Sku,
            Shortages = 1,
            Asked = line.Asked,
            Missing = Math.Max(0, line.Asked - line.Available),
        }),
        StockLevelLow e => [new StockOutDay { Day = Projection.DayOf(e), Sku = e.Sku, LowAlerts = 1 }],
        _ => [],
    };
}
