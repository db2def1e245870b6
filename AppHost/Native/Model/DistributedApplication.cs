using System.Runtime.InteropServices;
using Shop.AppHost.Native.Engine;
using Shop.AppHost.Native.Output;
using Shop.AppHost.Native.State;

namespace Shop.AppHost.Native.Model;

/// <summary>The described system, ready to run on this machine.</summary>
internal sealed class DistributedApplication(IReadOnlyList<Resource> resources)
{
    /// <param name="args">Accepted because Aspire's takes them; this profile has no switches.</param>
    public static DistributedApplicationBuilder CreateBuilder(string[] args)
    {
        _ = args;
        return new DistributedApplicationBuilder();
    }

    /// <summary>
    /// Runs the system until Ctrl+C or SIGTERM, and stops it. A second signal ends the wait for services that take their time.
    /// The process's exit code says whether it came up.
    /// </summary>
    public void Run() => Environment.ExitCode = RunAsync().GetAwaiter().GetResult();

    private async Task<int> RunAsync()
    {
        var console = ConsoleOutput.OfProcess();
        using var stop = new CancellationTokenSource();
        using var hurry = new CancellationTokenSource();
        PosixSignal[] signals = [PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP, PosixSignal.SIGQUIT];
        var registrations = Array.ConvertAll(signals, signal => PosixSignalRegistration.Create(signal, Handle));
        try
        {
            using var instance = InstanceLock.Acquire(ShopHome.Root);
            using var context = new EngineContext(ShopHome.Root, console, TimeProvider.System);
            return await new ShopEngine(resources, context).RunAsync(stop.Token, hurry.Token);
        }
        catch (AnotherInstanceException e)
        {
            console.Problem(e.Message);
            return 1;
        }
        finally
        {
            Array.ForEach(registrations, r => r.Dispose());
        }

        void Handle(PosixSignalContext signal)
        {
            signal.Cancel = true;
            var next = stop.IsCancellationRequested ? hurry : stop;
            _ = next.CancelAsync();
        }
    }
}
