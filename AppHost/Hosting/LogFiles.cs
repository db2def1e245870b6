using System.Collections.Concurrent;

namespace Shop.AppHost.Hosting;

/// <summary>Keeps what each resource writes in the home's <c>logs/</c>, beyond the life of the dashboard.</summary>
internal sealed class LogFiles(DistributedApplicationModel model, ResourceLoggerService loggers) : EarlyService
{
    private readonly ConcurrentBag<LogFile> _files = [];

    public override void Dispose()
    {
        foreach (var file in _files)
        {
            file.Dispose();
        }

        base.Dispose();
    }

    protected override Task RunAsync(CancellationToken ct) => Task.WhenAll(model.Resources
        .Where(resource => resource is ExecutableResource or ContainerResource)
        .Select(resource => CopyAsync(resource, ct)));

    private async Task CopyAsync(IResource resource, CancellationToken ct)
    {
        var file = new LogFile(ShopHome.Path("logs"), resource.Name);
        _files.Add(file);
        await foreach (var lines in loggers.WatchAsync(resource).WithCancellation(ct))
        {
            foreach (var line in lines)
            {
                file.Write(line.Content);
            }
        }
    }
}
