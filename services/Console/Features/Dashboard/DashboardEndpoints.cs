using System.Globalization;
using System.Text;
using Shop.Console.Web;
using Shop.Operations;
using Shop.Operations.Dashboard;

namespace Shop.Console.Features.Dashboard;

internal static class DashboardEndpoints
{
    private const int DefaultDays = 30;
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(5);

    public static void MapDashboard(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/dashboard", async (int? days, StaffApis services, TimeProvider clock, CancellationToken ct) =>
            Pages.Of<DashboardPage>(new { Model = await DashboardModel.ReadAsync(services, Allowed(days), clock.GetUtcNow(), ct), Days = Allowed(days) }));
        routes.MapGet("/live/dashboard", (int? days, Live live, StaffApis services, TimeProvider clock) => live.Stream<DashboardView>(
            s_interval, async ct => new Dictionary<string, object?>
            {
                ["Model"] = await DashboardModel.ReadAsync(services, Allowed(days), clock.GetUtcNow(), ct),
                ["Days"] = Allowed(days),
            }));
        routes.MapGet("/dashboard/{table}.csv", async Task<IResult> (string table, int? days, StaffApis services, TimeProvider clock, CancellationToken ct) =>
            Table(table, await DashboardModel.ReadAsync(services, Allowed(days), clock.GetUtcNow(), ct)) is { } rows
                ? TypedResults.File(Encoding.UTF8.GetBytes(Csv(rows)), "text/csv; charset=utf-8", $"shop-{table}.csv")
                : Pages.Say(StatusCodes.Status404NotFound, "There is no such table", "There are sales, funnel, best-sellers, stock and rejections; or the service does not answer."));
    }

    private static int Allowed(int? days) => days is { } some && DashboardModel.Ranges.Contains(some) ? some : DefaultDays;

    private static IEnumerable<object?[]>? Table(string name, DashboardModel model) => name switch
    {
        "sales" => model.Sales.Value?.Days.Select(day => new object?[] { day.On, day.Currency, day.Orders, day.Units, day.Revenue, day.CancelledOrders, day.CancelledRevenue })
            .Prepend(["day", "currency", "orders", "units", "revenue", "cancelled orders", "cancelled revenue"]),
        "funnel" => model.Funnel.Value is not { } funnel ? null :
        [
            ["step", "orders", "from the step before, median in ms", "95th percentile in ms"],
            ["placed", funnel.Placed, null, null],
            ["confirmed", funnel.Confirmed, funnel.PlacedToConfirmedMs.P50, funnel.PlacedToConfirmedMs.P95],
            ["shipped", funnel.Shipped, funnel.ConfirmedToShippedMs.P50, funnel.ConfirmedToShippedMs.P95],
            ["rejected", funnel.Rejected, null, null],
            ["cancelled", funnel.Cancelled, null, null],
        ],
        "best-sellers" => model.BestSellers.Value?.Items.Select(item => new object?[] { item.Sku, item.Currency, item.Orders, item.Units, item.Revenue })
            .Prepend(["sku", "currency", "orders", "units", "revenue"]),
        "stock" => model.Stock.Value is null ? null : model.StockLowFirst
            .Select(product => new object?[] { product.Sku, product.Name, product.OnHand, product.Reserved, product.Shipped, product.LowStockThreshold, product.IsLow ? "low" : "" })
            .Prepend(["sku", "name", "on hand", "reserved", "shipped", "low at", "state"]),
        "rejections" => model.Rejections.Value?.Reasons.SelectMany(reason => reason.Skus.Select(sku => new object?[] { reason.Reason, sku.Sku, sku.Orders, sku.Asked, sku.Missing })
            .DefaultIfEmpty([reason.Reason, "", reason.Orders, null, null])).Prepend(["reason", "sku", "orders", "asked", "missing"]),
        _ => null,
    };

    /// <summary>RFC 4180. A text that a spreadsheet would take for a formula gets an apostrophe.</summary>
    private static string Csv(IEnumerable<object?[]> rows) =>
        string.Concat(rows.Select(row => string.Join(',', row.Select(Cell)) + "\r\n"));

    private static string Cell(object? value)
    {
        var text = value switch
        {
            null => "",
            DateOnly day => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
            var other => other.ToString() ?? "",
        };
        if (value is string && text is ['=' or '+' or '-' or '@' or '\t' or '\r', ..])
        {
            text = "'" + text;
        }

        return text.AsSpan().ContainsAny(",\"\r\n") ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : text;
    }
}
