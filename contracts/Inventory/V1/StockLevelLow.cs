using Shop.Messaging;

namespace Shop.Contracts.Inventory.V1;

/// <summary>
/// The available units of a product fell to its threshold or below: published once, and again only after more than the threshold
/// was available in between.
/// </summary>
/// <param name="EventId">Redeliveries have the same id.</param>
/// <param name="OccurredAt">When it fell, UTC.</param>
/// <param name="Sku">The product.</param>
/// <param name="ProductVersion">The product's version after this fact.</param>
/// <param name="Available">Units in the warehouse and not reserved; at least 0, at most the threshold.</param>
/// <param name="Threshold">Units at or below which the stock is low; at least 0.</param>
[EventName("inventory.stock-level-low.v1")]
public sealed record StockLevelLow(
    Guid EventId,
    DateTimeOffset OccurredAt,
    [NotEmpty] string Sku,
    [AtLeast(1)] int ProductVersion,
    [AtLeast(0)] int Available,
    [AtLeast(0)] int Threshold) : IIntegrationEvent
{
    string IIntegrationEvent.AggregateId => Sku;
    int IIntegrationEvent.AggregateVersion => ProductVersion;
}
