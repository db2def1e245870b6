using Shop.Ordering.Domain;

namespace Shop.Ordering.Persistence;

/// <summary>One status change of an order, immutable. The database rejects updates, deletions and a second entry of the same version.</summary>
internal sealed class OrderHistoryEntry
{
    public required Guid OrderId { get; init; }

    /// <summary>The order's version after the change.</summary>
    public required int Version { get; init; }

    /// <summary>Null for a new order.</summary>
    public required OrderStatus? FromStatus { get; init; }

    public required OrderStatus ToStatus { get; init; }

    public required string? Reason { get; init; }

    public required CauseKind Cause { get; init; }

    /// <summary>The caller's id or the event's wire name.</summary>
    public required string? CausedBy { get; init; }

    public required DateTimeOffset At { get; init; }
}
