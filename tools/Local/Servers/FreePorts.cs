using System.Net;
using System.Net.Sockets;

namespace Shop.Local.Servers;

internal static class FreePorts
{
    private static readonly HashSet<int> s_given = [];

    /// <summary>A TCP port on the loopback interface that nothing listens on now; two calls never return the same one.</summary>
    public static int Next()
    {
        lock (s_given)
        {
            while (true)
            {
                using var listener = new TcpListener(IPAddress.Loopback, 0);
                listener.Start();
                var port = ((IPEndPoint)listener.LocalEndpoint).Port;
                if (s_given.Add(port))
                {
                    return port;
                }
            }
        }
    }
}
