namespace Shop.Cli.Demo;

// What the demo reads of the shop's answers; members that it does not need are left out.

internal sealed record Page<T>(IReadOnlyList<T> Items, string? NextCursor);

internal sealed record OrderView(Guid Id, string Status, IReadOnlyList<OrderView.Line> Lines, decimal Total, string Currency, int Version)
{
    public sealed record Line(string Sku, int Quantity, decimal UnitPrice);

    /// <summary>Whether it was confirmed before it was cancelled: each change counts one version.</summary>
    public bool WasConfirmed => Status is "confirmed" or "shipped" || (Status == "cancelled" && Version == 3);
}

internal sealed record ProductView(string Sku, decimal UnitPrice, int OnHand, int Reserved, int Available, int Shipped);

internal sealed record MovementView(string Kind, int Quantity, Guid? OrderId);

internal sealed record NotificationView(Guid EventId, Guid? OrderId, string Recipient, string Channel, string Status);

internal sealed record FunnelView(long Placed, long Confirmed, long Rejected, long Cancelled, long Shipped);

internal sealed record SalesView(IReadOnlyList<SalesView.Day> Days)
{
    public sealed record Day(string Currency, long Orders, decimal Revenue, long CancelledOrders, decimal CancelledRevenue);
}

internal sealed record EventView(Guid EventId, string Type);

internal sealed record CustomerView(string Id, int ConfirmedOrders);
