using System.Globalization;
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
    private const int DefaultDays = 30;
    private const int MaxDays = 366;

    public static void MapGetSales(this IEndpointRouteBuilder routes) => routes.MapGet("/analytics/sales", GetSales)
        .RequireAuthorization(Auth.Staff)
        .WithSummary("Sales per day (UTC) and currency, from and to as YYYY-MM-DD, both included; by default the last 30 days.");

    private static async Task<Results<Ok<SalesResponse>, ProblemHttpResult>> GetSales(
        AnalyticsDbContext db, TimeProvider clock, CancellationToken ct, string? from = null, string? to = null)
    {
        var last = DateOnly.FromDateTime(clock.GetUtcNow().UtcDateTime);
        if (to is not null && !TryReadDay(to, out last))
        {
            return NoDay("to", to);
        }

        var first = last.DayNumber < DefaultDays ? DateOnly.MinValue : last.AddDays(1 - DefaultDays);
        if (from is not null && !TryReadDay(from, out first))
        {
            return NoDay("from", from);
        }

        if (first > last)
        {
            return BadRange($"The range ends before it begins: {first:yyyy-MM-dd} is after {last:yyyy-MM-dd}.");
        }

        if (last.DayNumber - first.DayNumber >= MaxDays)
        {
            return BadRange($"A range may have at most {MaxDays} days; {first:yyyy-MM-dd} to {last:yyyy-MM-dd} has more.");
        }

        var days = await db.SalesPerDay.Where(sales => sales.Day >= first && sales.Day <= last)
            .OrderBy(sales => sales.Day).ThenBy(sales => sales.Currency)
            .Select(sales => new SalesDayResponse(
                sales.Day, sales.Currency, sales.Orders, sales.Units, sales.Revenue, sales.CancelledOrders, sales.CancelledRevenue))
            .ToListAsync(ct);
        return TypedResults.Ok(new SalesResponse(first, last, days));
    }

    private static bool TryReadDay(string text, out DateOnly day) =>
        DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out day);

    private static ProblemHttpResult NoDay(string name, string text) =>
        BadRange($"'{name}' must be a date as YYYY-MM-DD; '{text}' is none.");

    private static ProblemHttpResult BadRange(string detail) => Problem.Of(StatusCodes.Status400BadRequest, "bad-date-range", detail);
}
