namespace Shop.Operations;

/// <summary>The shop's services by name, in the order in which people read them.</summary>
public static class ShopServices
{
    /// <summary>Their projects in services/. The console is none of them: it has no API, no database and no events.</summary>
    public static IReadOnlyList<string> Projects { get; } = ["Ordering", "Inventory", "Notification", "Analytics"];

    /// <summary>Their names in the AppHost, in the broker and in addresses.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Projects.Select(project => project.ToLowerInvariant())];

    /// <summary>The service that consumes a queue, such as <c>inventory.order-placed</c>; null where none does.</summary>
    public static string? OfQueue(string queue) => Names.FirstOrDefault(service => queue.StartsWith(service + ".", StringComparison.Ordinal));
}
