using Shop.Messaging;

namespace Shop.Contracts.Inventory.V1;

/// <summary>New units of a product were received.</summary>
/// <param name="EventId">Redeliveries have the same id.</param>
/// <param name="OccurredAt">When they were received, UTC.</param>
/// <param name="Sku">The product.</param>
/// <param name="ProductVersion">The product's version after this fact.</param>
/// <param name="Quantity">Units received, at least 1.</param>
/// <param name="Available">Units in the warehouse and not reserved, after the receipt.</param>
[EventName("inventory.stock-replenished.v1")]
public sealed record StockReplenished(
    Guid EventId,
    DateTimeOffset OccurredAt,
    [NotEmpty] string Sku,
    [AtLeast(1)] int ProductVersion,
    [AtLeast(1)] int Quantity,
    [AtLeast(0)] int Available) : IIntegrationEvent
{
    string IIntegrationEvent.AggregateId => Sku;
    int IIntegrationEvent.AggregateVersion => ProductVersion;
}
