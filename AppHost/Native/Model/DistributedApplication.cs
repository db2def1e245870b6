using System.Runtime.InteropServices;
using Shop.AppHost.Native.Engine;
using Shop.AppHost.Native.Output;
using Shop.AppHost.Native.State;

namespace Shop.AppHost.Native.Model;

/// <summary>The described system, ready to run on this machine.</summary>
internal sealed class DistributedApplication(IReadOnlyList<Resource> resources, IReadOnlyList<string> args)
{
    private static readonly string[] s_publishing = ["--operation publish", "--publisher ", "--step "];

    /// <param name="args">Accepted because Aspire's takes them; this profile has no switches, and refuses those with which Aspire publishes.</param>
    public static DistributedApplicationBuilder CreateBuilder(string[] args) => new(args);

    /// <summary>
    /// Runs the system until Ctrl+C or SIGTERM, and stops it. A second signal ends the wait for services that take their time.
    /// The process's exit code says whether it came up.
    /// </summary>
    public void Run() => Environment.ExitCode = IsPublishing(args) ? RefuseToPublish() : RunAsync().GetAwaiter().GetResult();

    /// <summary>Whether these are the arguments with which Aspire's own command asks an AppHost to publish, or to do a step of it.</summary>
    internal static bool IsPublishing(IReadOnlyList<string> args)
    {
        var line = string.Join(' ', args).Replace('=', ' ');
        return s_publishing.Any(asked => line.Contains(asked, StringComparison.OrdinalIgnoreCase));
    }

    private static int RefuseToPublish()
    {
        ConsoleOutput.OfProcess().Problem(
            "The native profile runs the shop and publishes nothing. Aspire does, in the containers profile, which takes the full package "
            + "feed: ShopProfile=containers dotnet run --project AppHost -- --operation publish --step publish --output-path DIRECTORY. "
            + "What needs no Aspire are the manifests for Kubernetes in deploy/kubernetes. Both are in docs/deploy.md.");
        return 2;
    }

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
