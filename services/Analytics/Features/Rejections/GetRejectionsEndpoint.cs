using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Analytics.Persistence;
using Shop.ServiceDefaults.Http;

namespace Shop.Analytics.Features.Rejections;

/// <summary>The orders rejected from and to, both included, most frequent reason first.</summary>
public sealed record RejectionsResponse(DateOnly From, DateOnly To, IReadOnlyList<RejectionReasonResponse> Reasons);

/// <summary>One reason; its skus may add up to more orders than it has, because an order may be short of several.</summary>
public sealed record RejectionReasonResponse(string Reason, long Orders, IReadOnlyList<RejectedSkuResponse> Skus);

/// <summary>A product that orders were rejected for: the units that they asked for, and how many of those were not there.</summary>
public sealed record RejectedSkuResponse(string Sku, long Orders, long Asked, long Missing);

internal static class GetRejectionsEndpoint
{
    public static void MapGetRejections(this IEndpointRouteBuilder routes) => routes.MapGet("/analytics/rejections", GetRejections)
        .RequireAuthorization(Auth.Staff)
        .WithSummary("Rejected orders by reason and sku, from and to as YYYY-MM-DD (UTC), both included; by default the last 30 days.");

    private static async Task<Results<Ok<RejectionsResponse>, ProblemHttpResult>> GetRejections(
        AnalyticsDbContext db, TimeProvider clock, CancellationToken ct, string? from = null, string? to = null)
    {
        if (DayRange.Read(from, to, clock, out var range) is { } problem)
        {
            return problem;
        }

        var rows = await db.Rejections.Where(row => row.Day >= range.From && row.Day <= range.To)
            .GroupBy(row => new { row.Reason, row.Sku })
            .Select(group => new
            {
                group.Key.Reason,
                Line = new RejectedSkuResponse(
                    group.Key.Sku, group.Sum(row => row.Orders), group.Sum(row => row.Asked), group.Sum(row => row.Missing)),
            })
            .ToListAsync(ct);
        var reasons = rows.GroupBy(row => row.Reason, row => row.Line)
            .Select(lines => new RejectionReasonResponse(
                lines.Key,
                lines.Single(line => line.Sku == RejectedOrders.AnySku).Orders,
                [.. lines.Where(line => line.Sku != RejectedOrders.AnySku)
                    .OrderByDescending(line => line.Orders).ThenBy(line => line.Sku, StringComparer.Ordinal)]))
            .OrderByDescending(reason => reason.Orders).ThenBy(reason => reason.Reason, StringComparer.Ordinal);
        return TypedResults.Ok(new RejectionsResponse(range.From, range.To, [.. reasons]));
    }
}
