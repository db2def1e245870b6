using System.Diagnostics;
using Shop.AppHost.Native.Model;
using Shop.AppHost.Native.Output;
using Shop.AppHost.Native.Servers;
using Shop.AppHost.Native.State;

namespace Shop.AppHost.Native.Engine;

/// <summary>
/// Starts everything that the page describes, each as soon as what it waits for is there; keeps it running; stops it in
/// the reverse order.
/// </summary>
internal sealed class ShopEngine(IReadOnlyList<Resource> resources, EngineContext context)
{
    private readonly List<IRunner> _runners = [];

    /// <summary>Runs the shop until <paramref name="stop"/>, and stops it. Returns the exit code for the process.</summary>
    /// <param name="stop">Ends the shop, also while it starts.</param>
    /// <param name="hurry">While it stops: ends the waiting for clean ends.</param>
    public async Task<int> RunAsync(CancellationToken stop, CancellationToken hurry)
    {
        try
        {
            await Leftovers.StopAsync(context.Home, context.Console.Notice, stop);
            _runners.AddRange(Runners.For(resources, context));
            var watch = Stopwatch.StartNew();
            await StartAllAsync(stop);
            context.State.SetReady(true);
            context.Console.Block(Welcome.Table(_runners, context, watch.Elapsed));
            await Task.Delay(Timeout.InfiniteTimeSpan, context.Clock, stop);
            return 0;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return 0;
        }
        catch (Exception e) when (e is StartFailedException or ServerMissingException)
        {
            context.Console.Problem(e.Message);
            return 1;
        }
#pragma warning disable CA1031 // The last to catch it: whatever it is, everything that runs has to be stopped, and the reader told.
        catch (Exception e)
#pragma warning restore CA1031
        {
            context.Console.Problem($"The shop cannot go on: {e}");
            return 1;
        }
        finally
        {
            await StopAllAsync(hurry);
        }
    }

    /// <summary>The first failure ends the other starts at once: they could only hide its message.</summary>
    private async Task StartAllAsync(CancellationToken stop)
    {
        using var failed = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var started = _runners.ToDictionary(r => r.Resource, _ => new TaskCompletionSource());
        var starts = _runners.ConvertAll(r => StartAsync(r, started, failed));
        try
        {
            await foreach (var start in Task.WhenEach(starts))
            {
                await start;
            }
        }
        catch
        {
            await failed.CancelAsync();
            await Task.WhenAll(starts).ContinueWith(_ => { }, TaskScheduler.Default);
            throw;
        }
    }

    private static async Task StartAsync(
        IRunner runner, Dictionary<Resource, TaskCompletionSource> started, CancellationTokenSource failed)
    {
        foreach (var wait in runner.Resource.Waits)
        {
            await started[wait.On].Task.WaitAsync(failed.Token);
        }

        await runner.StartAsync(failed.Token);
        started[runner.Resource].SetResult();
    }

    private async Task StopAllAsync(CancellationToken hurry)
    {
        context.State.SetReady(false);
        if (_runners.Count > 0)
        {
            context.Console.Notice("Stopping.");
        }

        foreach (var tier in _runners.GroupBy(r => Depth(r.Resource)).OrderByDescending(g => g.Key))
        {
            await Task.WhenAll(tier.Select(r => StopAsync(r, hurry)));
        }

        _runners.ForEach(r => r.Dispose());
        if (_runners.Count > 0)
        {
            context.Console.Notice("Stopped.");
        }
    }

    /// <summary>One that does not stop must not keep the others from being stopped.</summary>
    private async Task StopAsync(IRunner runner, CancellationToken hurry)
    {
        try
        {
            await runner.StopAsync(hurry);
        }
        catch (ServerMissingException)
        {
            // Then it does not run, and the start has said so.
        }
#pragma warning disable CA1031 // Said on the console; whatever it was, the rest has to stop too.
        catch (Exception e)
#pragma warning restore CA1031
        {
            context.Console.Problem($"{runner.Resource.Name} could not be stopped: {e.Message}");
        }
    }

    private static int Depth(Resource resource) =>
        resource.Waits.Count == 0 ? 0 : 1 + resource.Waits.Max(w => Depth(w.On));
}
