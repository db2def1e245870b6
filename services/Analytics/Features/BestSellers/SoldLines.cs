using Shop.Analytics.Features.Projections;
using Shop.Contracts.Ordering.V1;
using Shop.Messaging;

namespace Shop.Analytics.Features.BestSellers;

/// <summary>One product of a confirmed order.</summary>
internal sealed record SoldLine
{
    public required Guid OrderId { get; init; }

    public required string Sku { get; init; }

    /// <summary>When the order was confirmed, UTC.</summary>
    public required DateOnly Day { get; init; }

    public required string Currency { get; init; }

    public required long Units { get; init; }

    /// <summary>Units times the unit price, before the order's discount.</summary>
    public required decimal Revenue { get; init; }
}

/// <summary>
/// The lines of every confirmed order. A cancellation has no lines and may arrive before them, so it removes nothing here:
/// the query leaves out cancelled orders.
/// </summary>
internal static class SoldLines
{
    public static readonly Projection Projection = new(
        "best-sellers",
        "sold_lines",
        Key: ["order_id", "sku"],
        Sums: [],
        Least: ["day", "currency", "units", "revenue"],
        Day: "day",
        RowsOf);

    private static IEnumerable<object> RowsOf(IIntegrationEvent @event) => @event is not OrderConfirmed e ? [] : e.Lines.Select(line => new SoldLine
    {
        OrderId = e.OrderId,
        Sku = line.Sku,
        Day = Projection.DayOf(e),
        Currency = e.Currency,
        Units = line.Quantity,
        Revenue = line.Quantity * line.UnitPrice,
    });
}
