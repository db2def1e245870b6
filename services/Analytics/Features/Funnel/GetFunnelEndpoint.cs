using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Analytics.Persistence;
using Shop.ServiceDefaults.Http;

namespace Shop.Analytics.Features.Funnel;

/// <summary>
/// How many of the orders placed in a range of days reached each step, at any time: an order that was confirmed and then
/// cancelled counts in both.
/// </summary>
public sealed record FunnelResponse(
    DateOnly From,
    DateOnly To,
    long Placed,
    long Confirmed,
    long Rejected,
    long Cancelled,
    long Shipped,
    StepTimes PlacedToConfirmedMs,
    StepTimes ConfirmedToShippedMs);

/// <summary>The median and the 95th percentile in milliseconds; null where no order has reached the step yet.</summary>
public sealed record StepTimes(double? P50, double? P95);

internal static class GetFunnelEndpoint
{
    public static void MapGetFunnel(this IEndpointRouteBuilder routes) => routes.MapGet("/analytics/funnel", GetFunnel)
        .RequireAuthorization(Auth.Staff)
        .WithSummary("Of the orders placed in the range (from and to as YYYY-MM-DD, UTC, both included; by default the last 30 "
            + "days), how many reached each step, and how long the steps take.");

    // .NET's minimum and maximum dates are infinity in PostgreSQL, which cannot be subtracted: one event with such
    // a date must not break the funnel.
    private static async Task<Results<Ok<FunnelResponse>, ProblemHttpResult>> GetFunnel(
        AnalyticsDbContext db, TimeProvider clock, CancellationToken ct, string? from = null, string? to = null)
    {
        if (DayRange.Read(from, to, clock, out var range) is { } problem)
        {
            return problem;
        }

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
            WHERE placed_at >= {range.Begin} AND placed_at < {range.End}
            """).ToListAsync(ct);
        var row = rows[0];
        var (toConfirmed, toShipped) = (Times(row.PlacedToConfirmed), Times(row.ConfirmedToShipped));
        return TypedResults.Ok(new FunnelResponse(range.From, range.To,
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
