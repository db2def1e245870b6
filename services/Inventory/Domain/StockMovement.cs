namespace Shop.Inventory.Domain;

internal enum MovementKind
{
    /// <summary>New units came to the shelf.</summary>
    Received,

    /// <summary>From the shelf, set aside for an order.</summary>
    Reserved,

    /// <summary>Set aside for an order that was cancelled: back to the shelf.</summary>
    Released,

    /// <summary>Set aside for an order that was not shipped in time: back to the shelf.</summary>
    Expired,

    /// <summary>Set aside again, from the shelf, for an order that was shipped after its reservation expired.</summary>
    Reclaimed,

    /// <summary>What was set aside left the warehouse.</summary>
    Shipped,

    /// <summary>What is on the shelf was corrected, up or down.</summary>
    Adjusted,
}

/// <summary>
/// A line of the ledger: units of one product that moved, once and for ever. The database refuses to change or delete it, and
/// refuses a second one of the same order, product and kind.
/// </summary>
internal sealed class StockMovement
{
    private StockMovement() { } // EF Core

    public StockMovement(MovementKind kind, string sku, int quantity, Guid? orderId, DateTimeOffset at, string? reason = null) =>
        (Id, Kind, Sku, Quantity, OrderId, At, Reason) = (Guid.CreateVersion7(at), kind, sku, quantity, orderId, at, reason);

    public Guid Id { get; private init; }

    public string Sku { get; private init; } = "";

    public MovementKind Kind { get; private init; }

    /// <summary>Units, at least 1; the kind says from where to where. Only an adjustment may be negative; none is 0.</summary>
    public int Quantity { get; private init; }

    /// <summary>The order for which they moved, where there is one.</summary>
    public Guid? OrderId { get; private init; }

    public DateTimeOffset At { get; private init; }

    /// <summary>Why, for an adjustment.</summary>
    public string? Reason { get; private init; }
}
