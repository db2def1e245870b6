using Shop.AppHost.Native.State;

namespace Shop.Cli;

/// <summary>Stops the shop that runs in this home, or what a killed one left running.</summary>
internal static class DownCommand
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(100);

    public static Command Command { get; } = new("down", "down", "Stops the shop, services first; the data stays.", RunAsync);

    private static async Task<int> RunAsync(Arguments arguments, CancellationToken ct)
    {
        arguments.End();
        if (InstanceLock.Running(ShopHome.Root) is not { } pid)
        {
            var found = await Leftovers.StopAsync(ShopHome.Root, Console.WriteLine, ct);
            Console.WriteLine(found ? "The shop is down." : "The shop does not run.");
            return 0;
        }

        Console.WriteLine($"Stopping the shop (process {pid}).");
        Signals.Terminate(pid);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(s_patience);
        while (InstanceLock.Running(ShopHome.Root) is not null)
        {
            if (patience.IsCancellationRequested)
            {
                await Console.Error.WriteLineAsync($"It still runs after {s_patience.TotalSeconds:0} s; see {ShopHome.Path("logs")}.");
                return 1;
            }

            await Task.Delay(s_interval, CancellationToken.None);
        }

        Console.WriteLine("The shop is down.");
        return 0;
    }
}
