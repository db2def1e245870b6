using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Analytics.Persistence;
using Shop.ServiceDefaults.Http;

namespace Shop.Analytics.Features.SalesPerDay;

/// <summary>The days, UTC, on which something was sold or cancelled; both ends are included.</summary>
public sealed record SalesResponse(DateOnly From, DateOnly To, IReadOnlyList<SalesDayResponse> Days);

/// <summary>One day's sales in one currency. Revenue is before cancellations, which count on the day when they happened.</summary>
public sealed record SalesDayResponse(
    DateOnly Day, string Currency, long Orders, long Units, decimal Revenue, long CancelledOrders, decimal CancelledRevenue);

internal static class GetSalesEndpoint
{
    public static void MapGetSales(this IEndpointRouteBuilder routes) => routes.MapGet("/analytics/sales", GetSales)
        .RequireAuthorization(Auth.Staff)
        .WithSummary("Sales per day (UTC) and currency, from and to as YYYY-MM-DD, both included; by default the last 30 days.");

    private static async Task<Results<Ok<SalesResponse>, ProblemHttpResult>> GetSales(
        AnalyticsDbContext db, TimeProvider clock, CancellationToken ct, string? from = null, string? to = null)
    {
        if (DayRange.Read(from, to, clock, out var range) is { } problem)
        {
            return problem;
        }

        var days = await db.SalesPerDay.Where(sales => sales.Day >= range.From && sales.Day <= range.To)
            .OrderBy(sales => sales.Day).ThenBy(sales => sales.Currency)
            .Select(sales => new SalesDayResponse(
                sales.Day, sales.Currency, sales.Orders, sales.Units, sales.Revenue, sales.CancelledOrders, sales.CancelledRevenue))
            .ToListAsync(ct);
        return TypedResults.Ok(new SalesResponse(range.From, range.To, days));
    }
}
