using Shop.Messaging;

namespace Shop.Contracts.Inventory.V1;

/// <summary>
/// What is available of a product fell to its threshold or below it: said once, and again only after more than the threshold
/// was available in between.
/// </summary>
/// <param name="EventId">Repeats carry the same id.</param>
/// <param name="OccurredAt">When it fell, UTC.</param>
/// <param name="Sku">The product.</param>
/// <param name="ProductVersion">The product's version after this fact.</param>
/// <param name="Available">Units on the shelf and not set aside; 0 and more, at most the threshold.</param>
/// <param name="Threshold">Units at or below which the stock counts as low; 0 and more.</param>
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
