using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Analytics.Persistence;
using Shop.ServiceDefaults.Http;

namespace Shop.Analytics.Features.BestSellers;

/// <summary>The products that sold best in the orders confirmed from and to, both included.</summary>
public sealed record BestSellersResponse(DateOnly From, DateOnly To, IReadOnlyList<BestSellerResponse> Items);

/// <summary>One product in one currency. Revenue is units times unit price, before discounts on whole orders.</summary>
public sealed record BestSellerResponse(string Sku, string Currency, long Orders, long Units, decimal Revenue);

internal static class GetBestSellersEndpoint
{
    private const int DefaultLimit = 10;
    private const int MaxLimit = 100;

    public static void MapGetBestSellers(this IEndpointRouteBuilder routes) => routes.MapGet("/analytics/best-sellers", GetBestSellers)
        .RequireAuthorization(Auth.Staff)
        .WithSummary("Most units first, per sku and currency, of orders confirmed in the range (from and to as YYYY-MM-DD, UTC, "
            + "both included; by default the last 30 days) and not cancelled since.");

    private static async Task<Results<Ok<BestSellersResponse>, ProblemHttpResult>> GetBestSellers(
        AnalyticsDbContext db,
        TimeProvider clock,
        CancellationToken ct,
        string? from = null,
        string? to = null,
        [Range(1, MaxLimit)] int limit = DefaultLimit)
    {
        if (DayRange.Read(from, to, clock, out var range) is { } problem)
        {
            return problem;
        }

        var items = await db.Database.SqlQuery<BestSellerResponse>(
            $"""
            SELECT sku AS "Sku", line.currency AS "Currency", count(*) AS "Orders", sum(units)::bigint AS "Units", sum(revenue) AS "Revenue"
            FROM sold_lines AS line LEFT JOIN order_journeys AS journey USING (order_id)
            WHERE day BETWEEN {range.From} AND {range.To} AND cancelled_at IS NULL
            GROUP BY sku, line.currency
            ORDER BY sum(units) DESC, sum(revenue) DESC, sku, line.currency
            LIMIT {limit}
            """).ToListAsync(ct);
        return TypedResults.Ok(new BestSellersResponse(range.From, range.To, items));
    }
}
