using Shop.Local.State;

namespace Shop.AppHost.Hosting;

/// <summary>The ports of this home's resources: the same at each start.</summary>
internal static class Ports
{
    private static readonly Lazy<PortBook> s_book = new(() => new PortBook(ShopHome.Root));

    /// <summary>The port to listen on, and a line when it is not the one of the last time.</summary>
    public static int Take(string name, int? preferred = null)
    {
        var port = s_book.Value.Take(name, preferred, out var moved);
        if (moved is not null)
        {
            Console.WriteLine($"Port {moved} of {name} is in use by another program; {name} moves to port {port}.");
        }

        return port;
    }
}
