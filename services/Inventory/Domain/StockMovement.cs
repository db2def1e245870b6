namespace Shop.Inventory.Domain;

internal enum MovementKind
{
    Received,
    Reserved,
    Released,
    Shipped,
}

/// <summary>
/// A line of the ledger: units of one product that moved, once and for ever. The database refuses to change or delete it, and
/// refuses a second one of the same order, product and kind.
/// </summary>
internal sealed class StockMovement
{
    private StockMovement() { } // EF Core

    public StockMovement(MovementKind kind, string sku, int quantity, Guid? orderId, DateTimeOffset at) =>
        (Id, Kind, Sku, Quantity, OrderId, At) = (Guid.CreateVersion7(at), kind, sku, quantity, orderId, at);

    public Guid Id { get; private init; }

    public string Sku { get; private init; } = "";

    public MovementKind Kind { get; private init; }

    /// <summary>Units, at least 1; the kind says from where to where.</summary>
    public int Quantity { get; private init; }

    /// <summary>The order for which they moved, where there is one.</summary>
    public Guid? OrderId { get; private init; }

    public DateTimeOffset At { get; private init; }
}
