using System.Net.Sockets;

namespace Shop.Cli.Running;

/// <summary>The shop of this home, as commands that talk to it need it.</summary>
internal static class RunningShop
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2);

    /// <summary>Returns at once if any service listens.</summary>
    /// <exception cref="FailureException">None does; the message has the command that starts them.</exception>
    public static async Task RequireAsync(CancellationToken ct)
    {
        var listening = await Task.WhenAll(StaffApi.Services.Select(service => ListensAsync(StaffApi.AddressOf(service), ct)));
        if (!listening.Contains(true))
        {
            throw new FailureException($"the shop does not run (its home: {ShopHome.Root}). Start it with: ./shop up -d");
        }
    }

    private static async Task<bool> ListensAsync(Uri address, CancellationToken ct)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(s_patience);
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync(address.Host, address.Port, patience.Token);
            return true;
        }
        catch (Exception e) when (e is SocketException || (e is OperationCanceledException && !ct.IsCancellationRequested))
        {
            return false;
        }
    }
}
