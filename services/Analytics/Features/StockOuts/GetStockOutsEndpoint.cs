using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Analytics.Persistence;
using Shop.ServiceDefaults.Http;

namespace Shop.Analytics.Features.StockOuts;

/// <summary>The products that were short or low from and to, both included, most missing units first.</summary>
public sealed record StockOutsResponse(DateOnly From, DateOnly To, IReadOnlyList<StockOutResponse> Items);

/// <summary>
/// One product: reservations that failed for want of it, the units that they asked for, how many of those were not there, and how
/// often its stock fell to the threshold.
/// </summary>
public sealed record StockOutResponse(string Sku, long Shortages, long Asked, long Missing, long LowAlerts);

internal static class GetStockOutsEndpoint
{
    public static void MapGetStockOuts(this IEndpointRouteBuilder routes) => routes.MapGet("/analytics/stock-outs", GetStockOuts)
        .RequireAuthorization(Auth.Staff)
        .WithSummary("How often and by how much each sku was short, from and to as YYYY-MM-DD (UTC), both included; by default the last 30 days.");

    private static async Task<Results<Ok<StockOutsResponse>, ProblemHttpResult>> GetStockOuts(
        AnalyticsDbContext db, TimeProvider clock, CancellationToken ct, string? from = null, string? to = null)
    {
        if (DayRange.Read(from, to, clock, out var range) is { } problem)
        {
            return problem;
        }

        var items = await db.StockOuts.Where(row => row.Day >= range.From && row.Day <= range.To)
            .GroupBy(row => row.Sku)
            .Select(group => new StockOutResponse(group.Key, group.Sum(row => row.Shortages), group.Sum(row => row.Asked),
                group.Sum(row => row.Missing), group.Sum(row => row.LowAlerts)))
            .ToListAsync(ct);
        return TypedResults.Ok(new StockOutsResponse(range.From, range.To, [.. items
            .OrderByDescending(item => item.Missing).ThenByDescending(item => item.LowAlerts).ThenBy(item => item.Sku, StringComparer.Ordinal)]));
    }
}
