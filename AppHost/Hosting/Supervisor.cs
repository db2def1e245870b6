using Microsoft.Extensions.Logging;
using Shop.AppHost.Resources;

namespace Shop.AppHost.Hosting;

/// <summary>
/// Starts again what dies, with backoff, and leaves alone what somebody stopped. Before the orchestrator goes, it stops services first and
/// servers then: the orchestrator would stop all of them at once.
/// </summary>
internal sealed class Supervisor(
    DistributedApplicationModel model,
    ResourceNotificationService notifications,
    ResourceCommandService commands,
    TimeProvider clock,
    ILogger<Supervisor> logger) : EarlyService
{
    private readonly Dictionary<string, Watched> _watched = [];
    private volatile bool _isStopping;

    public override async Task StoppingAsync(CancellationToken cancellationToken)
    {
        Console.WriteLine("Stopping.");
        _isStopping = true;
        await StopAllAsync(resource => resource is ServiceResource or MigrationResource, cancellationToken);
        await StopAllAsync(IsServer, cancellationToken);
    }

    protected override async Task RunAsync(CancellationToken ct)
    {
        await foreach (var change in notifications.WatchAsync(ct))
        {
            if (!_isStopping && (change.Resource is ServiceResource || IsServer(change.Resource)))
            {
                React(change, ct);
            }
        }
    }

    private static bool IsServer(IResource resource) => resource is InstalledPostgresResource or InstalledRabbitMqResource or ContainerResource;

    private void React(ResourceEvent change, CancellationToken ct)
    {
        if (!_watched.TryGetValue(change.ResourceId, out var watched))
        {
            _watched[change.ResourceId] = watched = new Watched();
        }

        var state = change.Snapshot.State?.Text;
        if (state == KnownResourceStates.Running)
        {
            watched.RunningSince ??= clock.GetTimestamp();
            watched.IsStopped = false;
            watched.Died = false;
        }
        else if (state == KnownResourceStates.Stopping)
        {
            watched.IsStopped = true;
        }
        else if (KnownResourceStates.TerminalStates.Contains(state) && !watched.IsStopped && !watched.Died)
        {
            watched.Died = true;
            var lasted = watched.RunningSince is { } since ? clock.GetElapsedTime(since) : TimeSpan.Zero;
            watched.RunningSince = null;
            _ = RestartAsync(change, watched, lasted, ct);
        }
        else if (state == KnownResourceStates.Starting)
        {
            watched.RunningSince = null;
            watched.Died = false;
        }
    }

    private async Task RestartAsync(ResourceEvent death, Watched watched, TimeSpan lasted, CancellationToken ct)
    {
        var wait = watched.Backoff.Next(lasted);
        Console.WriteLine($"{death.Resource.Name} ended (exit code {death.Snapshot.ExitCode?.ToString() ?? "unknown"}); {watched.Backoff.Describe(wait)}");
        try
        {
            await Task.Delay(wait, clock, ct);
            if (_isStopping)
            {
                return;
            }

            var started = await commands.ExecuteCommandAsync(death.ResourceId, KnownResourceCommands.StartCommand, ct);
            if (!started.Success && !_isStopping)
            {
                SupervisorLog.NotStarted(logger, death.Resource.Name, started.Message);
            }
        }
        catch (OperationCanceledException)
        {
            // The shop stops.
        }
    }

    private Task<bool[]> StopAllAsync(Func<IResource, bool> which, CancellationToken ct) => Task.WhenAll(model.Resources.Where(which)
        .Where(resource => notifications.TryGetCurrentState(resource.Name, out var now)
            && now.Snapshot.State?.Text is { } state && !KnownResourceStates.TerminalStates.Contains(state))
        .Select(resource => StopAsync(resource, ct)));

    private async Task<bool> StopAsync(IResource resource, CancellationToken ct)
    {
        var stopped = await commands.ExecuteCommandAsync(resource, KnownResourceCommands.StopCommand, ct);
        if (!stopped.Success)
        {
            SupervisorLog.NotStopped(logger, resource.Name, stopped.Message);
        }

        return stopped.Success;
    }

    private sealed class Watched
    {
        public RestartBackoff Backoff { get; } = new();

        public long? RunningSince { get; set; }

        public bool IsStopped { get; set; }

        public bool Died { get; set; }
    }
}

internal static partial class SupervisorLog
{
    [LoggerMessage(LogLevel.Warning, "{Resource} could not be started: {Reason}")]
    public static partial void NotStarted(ILogger logger, string resource, string? reason);

    [LoggerMessage(LogLevel.Warning, "{Resource} could not be stopped in order: {Reason}")]
    public static partial void NotStopped(ILogger logger, string resource, string? reason);
}
