using Shop.AppHost.Native.State;

namespace Shop.Cli.Running;

/// <summary>What to do first, once everything is healthy.</summary>
internal static class Welcome
{
    public static void Write(ShopState state)
    {
        var inventory = state.Services.FirstOrDefault(service => service.Name == "inventory")?.Url ?? StaffApi.AddressOf("inventory").ToString();
        Console.WriteLine($"""

            Try:

              TOKEN=$(./shop token alice)
              curl -H "Authorization: Bearer $TOKEN" {inventory.TrimEnd('/')}/products

            """);
    }
}
