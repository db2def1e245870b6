using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Analytics.Persistence;
using Shop.ServiceDefaults.Http;

namespace Shop.Analytics.Features.Funnel;

/// <summary>
/// How many orders ever reached each step: an order that was confirmed and then cancelled counts in both, so that
/// <c>confirmed</c> is the number of orders in <c>/analytics/sales</c>.
/// </summary>
public sealed record FunnelResponse(
    long Placed,
    long Confirmed,
    long Rejected,
    long Cancelled,
    long Shipped,
    StepTimes PlacedToConfirmedMs,
    StepTimes ConfirmedToShippedMs);

/// <summary>The median and the 95th percentile in milliseconds; null where no order has taken the step yet.</summary>
public sealed record StepTimes(double? P50, double? P95);

internal static class GetFunnelEndpoint
{
    public static void MapGetFunnel(this IEndpointRouteBuilder routes) => routes.MapGet("/analytics/funnel", GetFunnel)
        .RequireAuthorization(Auth.Staff)
        .WithSummary("How many orders reached each step, and how long the steps take.");

    // The first and the last date that .NET knows are infinity to PostgreSQL, which refuses to subtract it: one event with such
    // a date must not take the funnel away.
    private static async Task<Ok<FunnelResponse>> GetFunnel(AnalyticsDbContext db, CancellationToken ct)
    {
        var rows = await db.Database.SqlQuery<FunnelRow>(
            $"""
            SELECT count(placed_at) AS "Placed", count(confirmed_at) AS "Confirmed", count(rejected_at) AS "Rejected",
                count(cancelled_at) AS "Cancelled", count(shipped_at) AS "Shipped",
                percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (
                    ORDER BY (extract(epoch FROM confirmed_at - placed_at) * 1000)::double precision)
                    FILTER (WHERE isfinite(confirmed_at) AND isfinite(placed_at)) AS "PlacedToConfirmed",
                percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (
                    ORDER BY (extract(epoch FROM shipped_at - confirmed_at) * 1000)::double precision)
                    FILTER (WHERE isfinite(shipped_at) AND isfinite(confirmed_at)) AS "ConfirmedToShipped"
            FROM order_journeys
            """).ToListAsync(ct);
        var row = rows[0];
        var (toConfirmed, toShipped) = (Times(row.PlacedToConfirmed), Times(row.ConfirmedToShipped));
        return TypedResults.Ok(new FunnelResponse(
            row.Placed, row.Confirmed, row.Rejected, row.Cancelled, row.Shipped, toConfirmed, toShipped));
    }

    private static StepTimes Times(double[]? percentiles) =>
        percentiles is [var p50, var p95] ? new StepTimes(p50, p95) : new StepTimes(null, null);

    private sealed record FunnelRow(
        long Placed,
        long Confirmed,
        long Rejected,
        long Cancelled,
        long Shipped,
        double[]? PlacedToConfirmed,
        double[]? ConfirmedToShipped);
}
