using System.Globalization;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Shop.AppHost.Resources;
using Shop.Local.Servers;
using Shop.Local.State;

namespace Shop.AppHost.Hosting;

/// <summary>
/// Records the state of services and servers for other programs (docs/running.md), and prints a line on the console when all
/// of them are healthy.
/// </summary>
internal sealed class StateRecorder(ResourceNotificationService notifications, DistributedApplicationModel model, StateKeeper state, TimeProvider clock)
    : EarlyService
{
    private readonly HashSet<string> _healthy = [];
    private readonly long _started = clock.GetTimestamp();
    private bool _ready;

    public override Task StoppingAsync(CancellationToken cancellationToken)
    {
        state.SetReady(false);
        return Task.CompletedTask;
    }

    protected override async Task RunAsync(CancellationToken ct)
    {
        state.SetReady(false); // what a killed AppHost has left
        var parts = model.Resources.Where(resource => resource is ServiceResource || IsServer(resource)).Select(resource => resource.Name).ToHashSet();
        await foreach (var change in notifications.WatchAsync(ct))
        {
            if (!parts.Contains(change.Resource.Name))
            {
                continue;
            }

            Record(change);
            if (!_ready && parts.SetEquals(_healthy))
            {
                _ready = true;
                state.SetReady(true);
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture, $"The shop is open: all healthy after {clock.GetElapsedTime(_started).TotalSeconds:0.0} s."));
            }
        }
    }

    private static bool IsServer(IResource resource) => resource is InstalledPostgresResource or InstalledRabbitMqResource or ContainerResource;

    private void Record(ResourceEvent change)
    {
        var (name, snapshot) = (change.Resource.Name, change.Snapshot);
        var process = Process(change);
        var healthy = snapshot.State?.Text == KnownResourceStates.Running && snapshot.HealthStatus is HealthStatus.Healthy or null
            && change.Snapshot.State?.Text == KnownResourceStates.Running;
        if (healthy)
        {
            _healthy.Add(name);
        }
        else
        {
            _healthy.Remove(name);
        }

        var endpoint = ((IResourceWithEndpoints)change.Resource).GetEndpoints().FirstOrDefault(e => e.EndpointName is "http" or Broker.Tcp);
        if (endpoint is not { IsAllocated: true })
        {
            return;
        }

        if (change.Resource is ServiceResource)
        {
            state.Set(new ServiceState(name, endpoint.Url, "/health/ready", healthy, process));
        }
        else
        {
            state.Set(new ServerState(name, "127.0.0.1", endpoint.Port, healthy, process));
        }
    }

    /// <summary>The serving process: PostgreSQL's is a child of the process that the orchestrator started.</summary>
    private static ProcessIdentity? Process(ResourceEvent change)
    {
        if (change.Snapshot.State?.Text != KnownResourceStates.Running)
        {
            return null;
        }

        if (change.Resource is InstalledPostgresResource)
        {
            return PostgresCluster.PostmasterId(ShopHome.Path(change.Resource.Name, "data")) is { } postmaster ? ProcessIdentity.Of(postmaster) : null;
        }

        var pid = change.Snapshot.Properties.FirstOrDefault(property => property.Name == "executable.pid")?.Value?.ToString();
        return int.TryParse(pid, NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? ProcessIdentity.Of(id) : null;
    }
}
