using System.CommandLine;
using Shop.Local.State;

namespace Shop.Cli.Running;

/// <summary>Stops the shop that runs in this home, or what a killed one left running.</summary>
internal static class DownCommand
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(100);

    public static Command Create()
    {
        var command = new Command("down", About.Text(
            "stop everything, keep the data", "Services stop first. Also cleans up after a shop that was killed."));
        command.SetAction(async (_, ct) =>
        {
            Console.WriteLine(await StopAsync(ct) ? "The shop is down." : "The shop does not run.");
            return 0;
        });
        return command;
    }

    /// <summary>Returns when nothing of the shop runs; whether something did.</summary>
    public static async Task<bool> StopAsync(CancellationToken ct)
    {
        if (InstanceLock.Running(ShopHome.Root) is not { } pid)
        {
            return await Leftovers.StopAsync(ShopHome.Root, Terminal.Note, ct);
        }

        Signals.Terminate(pid);
        return await Progress.ShowAsync($"Stopping the shop (process {pid})", "a few seconds", async () =>
        {
            using var timeout = CancellationTokenSource.CreateLinkedTokenSource(ct);
            timeout.CancelAfter(s_timeout);
            while (InstanceLock.Running(ShopHome.Root) is not null)
            {
                if (timeout.IsCancellationRequested)
                {
                    throw new FailureException($"it still runs after {s_timeout.TotalSeconds:0} s; see {ShopHome.Path("logs")}.");
                }

                await Task.Delay(s_interval, CancellationToken.None);
            }

            await Leftovers.StopAsync(ShopHome.Root, Terminal.Note, ct); // nothing, unless it was killed while it stopped
            return true;
        });
    }
}
