namespace Shop.Operations;

/// <summary>The shop's services by name, in the order in which people read them.</summary>
public static class ShopServices
{
    /// <summary>Those with an API for staff.</summary>
    public static IReadOnlyList<string> Names { get; } = ["ordering", "inventory", "notification", "analytics"];

    /// <summary>The service that consumes a queue, such as <c>inventory.order-placed</c>; null where none does.</summary>
    public static string? OfQueue(string queue) => Names.FirstOrDefault(service => queue.StartsWith(service + ".", StringComparison.Ordinal));
}
