using Shop.Messaging;

namespace Shop.Contracts.Inventory.V1;

/// <summary>A product is for sale under this name and price. Published again when the name changes.</summary>
/// <param name="EventId">Redeliveries have the same id.</param>
/// <param name="OccurredAt">When it was listed, UTC.</param>
/// <param name="Sku">The product.</param>
/// <param name="ProductVersion">The product's version after this fact, from 1.</param>
/// <param name="Name">The display name.</param>
/// <param name="UnitPrice">The price of one unit, in <paramref name="Currency"/>, at least 0.</param>
/// <param name="Currency">ISO 4217, three capital letters.</param>
[EventName("inventory.product-listed.v1")]
public sealed record ProductListed(
    Guid EventId,
    DateTimeOffset OccurredAt,
    [NotEmpty] string Sku,
    [AtLeast(1)] int ProductVersion,
    [NotEmpty] string Name,
    [AtLeast(0)] decimal UnitPrice,
    [Pattern(PatternAttribute.Currency)] string Currency) : IIntegrationEvent
{
    string IIntegrationEvent.AggregateId => Sku;
    int IIntegrationEvent.AggregateVersion => ProductVersion;
}
