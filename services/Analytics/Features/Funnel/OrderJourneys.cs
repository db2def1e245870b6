using Microsoft.EntityFrameworkCore;
using Shop.Analytics.Persistence;
using Shop.Contracts;
using Shop.Contracts.Ordering.V1;

namespace Shop.Analytics.Features.Funnel;

/// <summary>How far an order came and when: a row may begin with any of its events.</summary>
internal sealed record OrderJourney
{
    public required Guid OrderId { get; init; }

    public DateTimeOffset? PlacedAt { get; init; }

    public DateTimeOffset? ConfirmedAt { get; init; }

    public DateTimeOffset? RejectedAt { get; init; }

    public DateTimeOffset? CancelledAt { get; init; }

    public DateTimeOffset? ShippedAt { get; init; }

    public decimal? Total { get; init; }

    public string? Currency { get; init; }

    public string? RejectionReason { get; init; }
}

/// <summary>The projection: each event fills in its own part of the journey, so that their order does not matter.</summary>
internal static class OrderJourneys
{
    /// <summary>The part that this event tells of.</summary>
    public static OrderJourney? Of(IIntegrationEvent @event)
    {
        var at = @event.OccurredAt.ToUniversalTime();
        return @event switch
        {
            OrderPlaced e => new OrderJourney { OrderId = e.OrderId, PlacedAt = at, Total = e.Total, Currency = e.Currency },
            OrderConfirmed e => new OrderJourney { OrderId = e.OrderId, ConfirmedAt = at, Total = e.Total, Currency = e.Currency },
            OrderRejected e => new OrderJourney { OrderId = e.OrderId, RejectedAt = at, RejectionReason = e.Reason },
            OrderCancelled e => new OrderJourney { OrderId = e.OrderId, CancelledAt = at, Total = e.Total, Currency = e.Currency },
            OrderShipped e => new OrderJourney { OrderId = e.OrderId, ShippedAt = at },
            _ => null,
        };
    }

    public static Task ApplyAsync(this AnalyticsDbContext db, OrderJourney step, CancellationToken ct) => db.Database.ExecuteSqlAsync(
        $"""
        INSERT INTO order_journeys AS journey
            (order_id, placed_at, confirmed_at, rejected_at, cancelled_at, shipped_at, total, currency, rejection_reason)
        VALUES ({step.OrderId}, {step.PlacedAt}, {step.ConfirmedAt}, {step.RejectedAt}, {step.CancelledAt}, {step.ShippedAt},
            {step.Total}, {step.Currency}, {step.RejectionReason})
        ON CONFLICT (order_id) DO UPDATE SET
            placed_at = least(journey.placed_at, excluded.placed_at),
            confirmed_at = least(journey.confirmed_at, excluded.confirmed_at),
            rejected_at = least(journey.rejected_at, excluded.rejected_at),
            cancelled_at = least(journey.cancelled_at, excluded.cancelled_at),
            shipped_at = least(journey.shipped_at, excluded.shipped_at),
            total = coalesce(journey.total, excluded.total),
            currency = coalesce(journey.currency, excluded.currency),
            rejection_reason = coalesce(journey.rejection_reason, excluded.rejection_reason)
        """, ct);
}
