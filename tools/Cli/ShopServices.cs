namespace Shop.Cli;

/// <summary>The services that this repository builds and runs, in the order in which they are shown.</summary>
internal static class ShopServices
{
    /// <summary>Their projects in services/.</summary>
    public static readonly string[] Projects = ["Ordering", "Inventory", "Notification", "Analytics"];

    /// <summary>Their names in the AppHost, in the broker and in addresses.</summary>
    public static readonly string[] Names = [.. Projects.Select(project => project.ToLowerInvariant())];
}
