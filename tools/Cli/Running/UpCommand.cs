using System.CommandLine;
using System.Diagnostics;
using Shop.Cli.Setup;
using Shop.Local.State;

namespace Shop.Cli.Running;

/// <summary>Starts the shop: sets up what is missing, builds, and runs the AppHost.</summary>
internal static class UpCommand
{
    public static Command Create()
    {
        var detach = new Option<bool>("--detach", "-d")
        {
            Description = "in the background; returns 0 once everything is healthy, 1 if it does not come up",
        };
        var command = new Command("up", About.Text("start everything, and show where it is", """
            Installs what is missing, builds, starts the servers and the four services. Ctrl+C stops it all. The data stays in .shop, or in
            the directory that SHOP_HOME names: so there can be a second shop beside the first.
            """))
        {
            detach,
        };
        command.SetAction((parsed, ct) => RunAsync(parsed.GetValue(detach), ct));
        return command;
    }

    private static async Task<int> RunAsync(bool detach, CancellationToken ct)
    {
        if (InstanceLock.Running(ShopHome.Root) is { } pid)
        {
            throw new FailureException($"a shop already runs in {ShopHome.Root} (process {pid}). Stop it with: ./shop down");
        }

        ForgetProblems();
        await ServerPackages.EnsureUnlessContainersAsync(ct);
        await Build.EnsureAsync(ct);
        return detach ? await DetachedAsync(ct) : await HereAsync();
    }

    /// <summary>Of the last start.</summary>
    private static void ForgetProblems()
    {
        if (ShopState.Read(ShopHome.Root) is { Problems.Count: > 0 } last)
        {
            (last with { Problems = null }).Write(ShopHome.Root);
        }
    }

    private static async Task<int> HereAsync()
    {
        using var process = AppHostProcess.StartHere();
        using var ended = new CancellationTokenSource();
        var welcome = WelcomeAsync(process, ended.Token);
        var exitCode = await Child.ForwardAsync(process);
        await ended.CancelAsync();
        await welcome;
        return exitCode;
    }

    private static async Task WelcomeAsync(Process process, CancellationToken ended)
    {
        if (await AppHostProcess.IsReadyAsync(process, ended))
        {
            Console.WriteLine();
            await Welcome.WriteAsync(ended);
        }
    }

    private static async Task<int> DetachedAsync(CancellationToken ct)
    {
        Terminal.Note($"Starting (about half a minute; log: {AppHostProcess.Log}) ...");
        using var process = AppHostProcess.StartDetached();
        using var started = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var output = AppHostProcess.ShowLogAsync(started.Token);
        var ready = await AppHostProcess.IsReadyAsync(process, ct);
        await started.CancelAsync();
        await output;
        if (ready)
        {
            Console.WriteLine();
            await Welcome.WriteAsync(ct);
            return 0;
        }

        Signals.Terminate(process.Id);
        await process.WaitForExitAsync(ct);
        IReadOnlyList<string> problems = ShopState.Read(ShopHome.Root).Problems ?? [];
        throw new FailureException(string.Join('\n', [.. problems, $"the shop did not come up, and was stopped. Its log: {AppHostProcess.Log}"]));
    }
}
