namespace Shop.AppHost.Native.State;

/// <summary>Stops what an instance that was killed left running, in the order in which it would have stopped it itself.</summary>
internal static class Leftovers
{
    private static readonly TimeSpan s_grace = TimeSpan.FromSeconds(15);

    /// <summary>Only processes that are still the very ones of the state are touched. Returns how many were stopped.</summary>
    public static async Task<int> StopAsync(string home, Action<string> log, CancellationToken ct)
    {
        var state = ShopState.Read(home);
        var programs = Running([.. state.Services.Select(s => s.Process), .. state.Others]);
        var servers = Running(state.Servers.Select(s => s.Process));
        if (programs.Count + servers.Count == 0)
        {
            return 0;
        }

        log($"Stopping {programs.Count + servers.Count} processes that an earlier shop left running.");
        await StopAsync(programs, Signals.Terminate, ct);
        // Interrupt is PostgreSQL's fast shutdown; the broker's node takes a plain terminate.
        await StopAsync(servers, pid => Stop(pid, servers), ct);
        ShopState.Empty.Write(home);
        return programs.Count + servers.Count;
    }

    private static void Stop(int pid, List<ProcessIdentity> servers)
    {
        if (servers.First(s => s.Pid == pid).Command.Contains("postgres", StringComparison.Ordinal))
        {
            Signals.Interrupt(pid);
        }
        else
        {
            Signals.Terminate(pid);
        }
    }

    private static List<ProcessIdentity> Running(IEnumerable<ProcessIdentity?> processes) =>
        [.. processes.OfType<ProcessIdentity>().Where(p => p.IsRunning())];

    private static async Task StopAsync(List<ProcessIdentity> processes, Action<int> ask, CancellationToken ct)
    {
        processes.ForEach(p => ask(p.Pid));
        using var grace = CancellationTokenSource.CreateLinkedTokenSource(ct);
        grace.CancelAfter(s_grace);
        while (processes.Exists(p => p.IsRunning()))
        {
            if (grace.IsCancellationRequested)
            {
                processes.Where(p => p.IsRunning()).ToList().ForEach(p => Signals.Kill(p.Pid));
                return;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), CancellationToken.None);
        }
    }
}
