using System.Text.Json.Serialization;
using Shop.Ordering.Domain;

namespace Shop.Ordering.Features;

/// <summary>An order.</summary>
/// <param name="Id">The order's id.</param>
/// <param name="Status">placed, confirmed, rejected, cancelled or shipped.</param>
/// <param name="Lines">The lines, at the prices at the time of placing.</param>
/// <param name="Discount">The discount, in <paramref name="Currency"/>.</param>
/// <param name="Total">What the customer pays, in <paramref name="Currency"/>.</param>
/// <param name="Currency">ISO 4217.</param>
/// <param name="PlacedAt">When it was placed, UTC.</param>
/// <param name="Version">Counts the order's changes, from 1.</param>
/// <param name="Reason">Why it was rejected or cancelled.</param>
public sealed record OrderResponse(
    Guid Id,
    string Status,
    IReadOnlyList<OrderResponse.Line> Lines,
    decimal Discount,
    decimal Total,
    string Currency,
    DateTimeOffset PlacedAt,
    int Version,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] OrderResponse.ReasonFor? Reason)
{
    internal static OrderResponse Of(Order order) => new(
        order.Id,
        StatusName(order.Status),
        [.. order.Lines.OrderBy(line => line.Sku, StringComparer.Ordinal)
            .Select(line => new Line(line.Sku, line.Name, line.Quantity, line.UnitPrice))],
        order.Discount,
        order.Total,
        order.Currency,
        order.PlacedAt,
        order.Version,
        order.Reason is null ? null : new ReasonFor(order.Reason,
            [.. order.ShortLines.Select(line => new ShortLineOf(line.Sku, line.Asked, line.Available))]));

    internal static string StatusName(OrderStatus status) => status.ToString().ToLowerInvariant();

    /// <summary>One product of the order.</summary>
    public sealed record Line(string Sku, string Name, int Quantity, decimal UnitPrice);

    /// <summary>Why it was rejected or cancelled.</summary>
    /// <param name="Code">out-of-stock, customer-request, not-answered or reservation-expired.</param>
    /// <param name="ShortLines">The lines that are short of stock.</param>
    public sealed record ReasonFor(string Code, IReadOnlyList<ShortLineOf> ShortLines);

    /// <summary>A line that is short of stock.</summary>
    public sealed record ShortLineOf(string Sku, int Asked, int Available);
}
