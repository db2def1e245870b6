using Shop.Inventory.Domain;
using Shop.Messaging.DomainEvents;

namespace Shop.Inventory.Features.ShipStock;

/// <summary>After the commit: tells the operators of orders that left after their reservation had expired.</summary>
internal sealed partial class ReportLateShipments(ILogger<ReportLateShipments> logger)
    : ICommittedEventHandler<StockShipped>, ICommittedEventHandler<StockAdjusted>
{
    public Task HandleAsync(StockShipped domainEvent, CancellationToken ct)
    {
        if (domainEvent.From == ShippedFrom.Shelf)
        {
            InventoryTelemetry.LateShipments.Add(1);
            LogLate(domainEvent.OrderId);
        }

        return Task.CompletedTask;
    }

    public Task HandleAsync(StockAdjusted domainEvent, CancellationToken ct)
    {
        if (domainEvent.OrderId is { } orderId)
        {
            InventoryTelemetry.UnitsFound.Add(domainEvent.Quantity);
            LogFound(orderId, domainEvent.Quantity, domainEvent.Sku);
        }

        return Task.CompletedTask;
    }

    [LoggerMessage(LogLevel.Warning, "Order {OrderId} was shipped after its reservation had expired; its units were taken from the shelf.")]
    private partial void LogLate(Guid orderId);

    [LoggerMessage(LogLevel.Warning, "Order {OrderId} took {Quantity} units of {Sku} that the books did not have: they were adjusted. "
        + "If they were promised to others, somebody will miss them; count the shelf.")]
    private partial void LogFound(Guid orderId, int quantity, string sku);
}
