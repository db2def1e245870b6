using Shop.Inventory.Domain;
using Shop.Messaging.DomainEvents;

namespace Shop.Inventory.Features.ShipStock;

/// <summary>After the commit: logs and counts orders that were shipped after their reservation had expired.</summary>
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

    [LoggerMessage(LogLevel.Warning, "Order {OrderId} shipped after its reservation expired; its units were booked from the units on hand")]
    private partial void LogLate(Guid orderId);

    [LoggerMessage(LogLevel.Warning, "Order {OrderId} shipped {Quantity} units of {Sku} that the ledger did not have; stock was adjusted. "
        + "Other orders may be short of them: count the stock")]
    private partial void LogFound(Guid orderId, int quantity, string sku);
}
