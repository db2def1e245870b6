using Shop.Analytics.Features.Projections;
using Shop.Contracts.Ordering.V1;
using Shop.Messaging;
using OrderPlaced = Shop.Contracts.Ordering.V2.OrderPlaced;

namespace Shop.Analytics.Features.Funnel;

/// <summary>The steps of an order and their times, or the part of one event: a row may start with any of its events.</summary>
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

/// <summary>Each event sets its own columns, so that their order does not matter.</summary>
internal static class OrderJourneys
{
    public static readonly Projection Projection = new(
        "funnel",
        "order_journeys",
        Key: ["order_id"],
        Sums: [],
        Least: ["placed_at", "confirmed_at", "rejected_at", "cancelled_at", "shipped_at", "total", "currency", "rejection_reason"],
        Day: "(least(placed_at, confirmed_at, rejected_at, cancelled_at, shipped_at) AT TIME ZONE 'UTC')::date",
        @event => PartOf(@event) is { } part ? [part] : []);

    private static OrderJourney? PartOf(IIntegrationEvent @event)
    {
        var at = @event.OccurredAt.ToUniversalTime();
        return @event switch
        {
            OrderPlaced e => new OrderJourney { OrderId = e.OrderId, PlacedAt = at, Total = e.Total.Amount, Currency = e.Total.Currency },
            OrderConfirmed e => new OrderJourney { OrderId = e.OrderId, ConfirmedAt = at, Total = e.Total, Currency = e.Currency },
            OrderRejected e => new OrderJourney { OrderId = e.OrderId, RejectedAt = at, RejectionReason = e.Reason },
            OrderCancelled e => new OrderJourney { OrderId = e.OrderId, CancelledAt = at, Total = e.Total, Currency = e.Currency },
            OrderShipped e => new OrderJourney { OrderId = e.OrderId, ShippedAt = at },
            _ => null,
        };
    }
}
