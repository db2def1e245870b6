using System.Text.Json.Serialization;

namespace Shop.Operations.Dashboard;

public sealed record Sales(IReadOnlyList<Sales.Day> Days)
{
    public sealed record Day(
        [property: JsonPropertyName("day")] DateOnly On, string Currency, long Orders, long Units, decimal Revenue, long CancelledOrders, decimal CancelledRevenue);
}

public sealed record Funnel(long Placed, long Confirmed, long Rejected, long Cancelled, long Shipped, StepTimes PlacedToConfirmedMs, StepTimes ConfirmedToShippedMs);

/// <summary>In milliseconds; null where no order has reached the step.</summary>
public sealed record StepTimes(double? P50, double? P95);

public sealed record BestSellers(IReadOnlyList<BestSellers.Item> Items)
{
    public sealed record Item(string Sku, string Currency, long Orders, long Units, decimal Revenue);
}

public sealed record Rejections(IReadOnlyList<Rejections.Cause> Reasons)
{
    public sealed record Cause(string Reason, long Orders, IReadOnlyList<ShortSku> Skus);

    public sealed record ShortSku(string Sku, long Orders, long Asked, long Missing);
}

public sealed record Product(string Sku, string Name, decimal UnitPrice, string Currency, int OnHand, int Reserved, long Shipped, int? LowStockThreshold)
{
    public bool IsLow => OnHand <= (LowStockThreshold ?? 0);
}

/// <summary>The shop's days as Analytics counts them, and the stock as Inventory has it.</summary>
public sealed record DashboardModel(
    DateOnly From, DateOnly To, Answer<Sales> Sales, Answer<Funnel> Funnel, Answer<BestSellers> BestSellers, Answer<Rejections> Rejections,
    Answer<List<Product>> Stock, DateTimeOffset Now)
{
    public static readonly int[] Ranges = [1, 7, 30, 90, 365];

    /// <summary>Low ones first: nothing on hand, then at or below the threshold, then the fewest.</summary>
    public IReadOnlyList<Product> StockLowFirst =>
        [.. (Stock.Value ?? []).OrderByDescending(product => product.IsLow).ThenBy(product => product.OnHand).ThenBy(product => product.Sku, StringComparer.Ordinal)];

    public static async Task<DashboardModel> ReadAsync(StaffApis services, int days, DateTimeOffset now, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(services);
        var to = DateOnly.FromDateTime(now.UtcDateTime);
        var from = to.AddDays(1 - days);
        var (analytics, range) = (services.Of("analytics"), $"?from={from:yyyy-MM-dd}&to={to:yyyy-MM-dd}");
        var sales = Answer.OrUnknownAsync("analytics", () => analytics.GetAsync<Sales>("analytics/sales" + range, ct), ct);
        var funnel = Answer.OrUnknownAsync("analytics", () => analytics.GetAsync<Funnel>("analytics/funnel" + range, ct), ct);
        var sellers = Answer.OrUnknownAsync("analytics", () => analytics.GetAsync<BestSellers>("analytics/best-sellers" + range, ct), ct);
        var rejections = Answer.OrUnknownAsync("analytics", () => analytics.GetAsync<Rejections>("analytics/rejections" + range, ct), ct);
        var stock = Answer.OrUnknownAsync("inventory", () => services.Of("inventory").ListAsync<Product>("products", ct), ct);
        return new DashboardModel(from, to, await sales, await funnel, await sellers, await rejections, await stock, now);
    }
}
