namespace Shop.Inventory.Domain;

internal enum MovementKind
{
    /// <summary>New units were received.</summary>
    Received,

    /// <summary>Reserved for an order.</summary>
    Reserved,

    /// <summary>Released because the order was cancelled.</summary>
    Released,

    /// <summary>Released because the reservation expired.</summary>
    Expired,

    /// <summary>Reserved again for an order that was shipped after its reservation expired.</summary>
    Reclaimed,

    /// <summary>Reserved units were shipped.</summary>
    Shipped,

    /// <summary>Units on hand were corrected, up or down.</summary>
    Adjusted,
}

/// <summary>
/// A line of the ledger: a movement of units of one product, immutable. The database rejects changes and deletions, and
/// a second one of the same order, product and kind.
/// </summary>
internal sealed class StockMovement
{
    private StockMovement() { } // EF Core

    public StockMovement(MovementKind kind, string sku, int quantity, Guid? orderId, DateTimeOffset at, string? reason = null) =>
        (Id, Kind, Sku, Quantity, OrderId, At, Reason) = (Guid.CreateVersion7(at), kind, sku, quantity, orderId, at, reason);

    public Guid Id { get; private init; }

    public string Sku { get; private init; } = "";

    public MovementKind Kind { get; private init; }

    /// <summary>Units, at least 1; the kind defines from where to where. Only an adjustment may be negative; never 0.</summary>
    public int Quantity { get; private init; }

    /// <summary>The order that caused it, if any.</summary>
    public Guid? OrderId { get; private init; }

    public DateTimeOffset At { get; private init; }

    /// <summary>Why, for an adjustment.</summary>
    public string? Reason { get; private init; }
}
