using Shop.Messaging;

namespace Shop.Contracts;

/// <summary>The integration events of this version of the contracts.</summary>
public static class ShopEvents
{
    /// <summary>The prefix of every schema's <c>$id</c>.</summary>
    public const string SchemaIdPrefix = "urn:shop:schema:";

    /// <summary>All of them, with their versions, schemas and recorded messages.</summary>
    public static EventCatalog Catalog { get; } = EventCatalog.Of(typeof(ShopEvents).Assembly);
}
