using Shop.AppHost.Native.Model;
using Shop.AppHost.Native.State;

namespace Shop.AppHost.Native.Engine;

/// <summary>A run that ends by itself, such as a migration. It has started when it has ended with exit code 0.</summary>
internal sealed class CompletionRunner(ProjectResource resource, EngineContext context) : ProjectRunner(resource, context)
{
    /// <summary>It runs beside the start of the servers, which it has to wait for in the end.</summary>
    protected override bool Yields => true;

    public override async Task StartAsync(CancellationToken ct)
    {
        var process = StartProcess();
        Context.State.Add(process.Identity);
        var exitCode = await process.Exited.WaitAsync(ct);
        Context.State.Remove(process.Identity);
        if (exitCode != 0)
        {
            throw new StartFailedException($"{Project.Name} failed with exit code {exitCode}.\n{LogTail()}");
        }

        Context.Console.Detail($"{Project.Name} is done");
    }

    public override async Task StopAsync(CancellationToken hurry)
    {
        await StopProcessAsync(hurry);
        if (Process is { } process)
        {
            Context.State.Remove(process.Identity);
        }
    }

    public override void Dispose() => Process?.Dispose();
}
