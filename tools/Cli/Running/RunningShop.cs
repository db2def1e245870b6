using System.Diagnostics;
using System.Net.Sockets;
using Shop.Operations;

namespace Shop.Cli.Running;

/// <summary>The shop of this home, as commands that talk to it need it.</summary>
internal static class RunningShop
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_restart = TimeSpan.FromSeconds(30);

    /// <summary>Returns immediately if any service listens.</summary>
    /// <exception cref="FailureException">None does; the message has the command that starts them.</exception>
    public static async Task RequireAsync(CancellationToken ct)
    {
        var listening = await Task.WhenAll(ShopServices.Names.Select(service => ListensAsync(Staff.AddressOf(service), ct)));
        if (!listening.Contains(true))
        {
            throw new FailureException($"the shop does not run (its home: {ShopHome.Root}). Start it with: ./shop up -d");
        }
    }

    /// <summary>Returns when every service listens, which one that starts again does within some seconds.</summary>
    /// <exception cref="FailureException">One does not; the message has its name and the way to start it.</exception>
    public static async Task RequireAllAsync(CancellationToken ct)
    {
        await RequireAsync(ct);
        var waited = Stopwatch.StartNew();
        while (true)
        {
            var listening = await Task.WhenAll(ShopServices.Names.Select(service => ListensAsync(Staff.AddressOf(service), ct)));
            var missing = ShopServices.Names.Where((_, i) => !listening[i]).ToList();
            if (missing.Count == 0)
            {
                return;
            }

            if (waited.Elapsed > s_restart)
            {
                throw new FailureException($"{string.Join(" and ", missing)} {(missing.Count == 1 ? "does" : "do")} not run. "
                    + "Start what is stopped on the dashboard, or all with: ./shop down && ./shop up -d\nSee ./shop status.");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(200), ct);
        }
    }

    private static async Task<bool> ListensAsync(Uri address, CancellationToken ct)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(ct);
        timeout.CancelAfter(s_timeout);
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync(address.Host, address.Port, timeout.Token);
            return true;
        }
        catch (Exception e) when (e is SocketException || (e is OperationCanceledException && !ct.IsCancellationRequested))
        {
            return false;
        }
    }
}
