using Shop.Messaging;

namespace Shop.Contracts.Inventory.V1;

/// <summary>The price of a product has changed. Orders keep the price they were placed at.</summary>
/// <param name="EventId">Redeliveries have the same id.</param>
/// <param name="OccurredAt">When the price changed, UTC.</param>
/// <param name="Sku">The product.</param>
/// <param name="ProductVersion">The product's version after this fact.</param>
/// <param name="UnitPrice">The new price of one unit, in <paramref name="Currency"/>, at least 0.</param>
/// <param name="Currency">ISO 4217, three capital letters.</param>
[EventName("inventory.product-price-changed.v1")]
public sealed record ProductPriceChanged(
    Guid EventId,
    DateTimeOffset OccurredAt,
    [NotEmpty] string Sku,
    [AtLeast(1)] int ProductVersion,
    [AtLeast(0)] decimal UnitPrice,
    [Pattern(PatternAttribute.Currency)] string Currency) : IIntegrationEvent
{
    string IIntegrationEvent.AggregateId => Sku;
    int IIntegrationEvent.AggregateVersion => ProductVersion;
}
