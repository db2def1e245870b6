using Shop;
using Shop.AppHost.Native.Model;

// Aspire generates these from the project references; four lines by hand say the same.
namespace Projects;

internal sealed class Ordering() : ServiceProject("Ordering");

internal sealed class Inventory() : ServiceProject("Inventory");

internal sealed class Notification() : ServiceProject("Notification");

internal sealed class Analytics() : ServiceProject("Analytics");

internal abstract class ServiceProject(string name) : IProjectMetadata
{
    public string ProjectPath { get; } = Path.Combine(ShopHome.Repository, "services", name, $"{name}.csproj");
}
