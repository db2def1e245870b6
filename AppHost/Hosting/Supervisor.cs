using Microsoft.Extensions.Logging;
using Shop.AppHost.Resources;
using Shop.Local.State;

namespace Shop.AppHost.Hosting;

/// <summary>
/// Restarts crashed services and servers with backoff, but not those that a user stopped. A failing migration is retried a limited number of
/// times; then the state shows why the service does not start. On shutdown it stops services first and
/// servers after them: the orchestrator would stop all of them concurrently.
/// </summary>
internal sealed class Supervisor(
    DistributedApplicationModel model,
    ResourceNotificationService notifications,
    ResourceCommandService commands,
    StateKeeper state,
    TimeProvider clock,
    ILogger<Supervisor> logger) : EarlyService
{
    private const int MigrationAttempts = 3;

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
            if (_isStopping)
            {
                continue;
            }

            if (change.Resource is MigrationResource migration)
            {
                React(migration, change, ct);
            }
            else if (change.Resource is ServiceResource || IsServer(change.Resource))
            {
                React(change, ct);
            }
        }
    }

    private static bool IsServer(IResource resource) => resource is InstalledPostgresResource or InstalledRabbitMqResource or ContainerResource;

    /// <summary>It failed: once more, or the end. It succeeded after it had failed: what could not start without it can now.</summary>
    private void React(MigrationResource migration, ResourceEvent change, CancellationToken ct)
    {
        var watched = WatchedOf(change);
        if (!KnownResourceStates.TerminalStates.Contains(change.Snapshot.State?.Text))
        {
            watched.Died = false;
        }
        else if (!watched.Died && change.Snapshot.ExitCode is { } code)
        {
            watched.Died = true;
            if (code == 0)
            {
                state.SetProblem(migration.Name, null);
                foreach (var service in model.Resources.Where(resource => HasFailedToStart(resource) && Migrations(resource).Contains(migration)))
                {
                    _ = StartAsync(service.Name, TimeSpan.Zero, ct);
                }
            }
            else if (watched.Backoff.Deaths + 1 < MigrationAttempts)
            {
                _ = RestartAsync(change, watched, TimeSpan.Zero, ct);
            }
            else
            {
                var problem = $"{migration.Name} failed {MigrationAttempts} times, so its service does not start; why: {ShopHome.Path("logs", migration.Name + ".log")}\n"
                    + $"Mend it, then start {migration.Name} on the dashboard, or all: ./shop down && ./shop up";
                Console.WriteLine(problem);
                state.SetProblem(migration.Name, problem);
            }
        }
    }

    private bool HasFailedToStart(IResource resource) => resource is ServiceResource && notifications.TryGetCurrentState(resource.Name, out var now)
        && now.Snapshot.State?.Text == KnownResourceStates.FailedToStart;

    private static IEnumerable<IResource> Migrations(IResource resource) => resource.Annotations.OfType<WaitAnnotation>()
        .Where(wait => wait.WaitType == WaitType.WaitForCompletion).Select(wait => wait.Resource);

    /// <summary>Whether it cannot start before a migration is tried again, which ends in its start.</summary>
    private bool WaitsForMigration(IResource resource) => Migrations(resource).Any(migration =>
        notifications.TryGetCurrentState(migration.Name, out var now) && now.Snapshot.ExitCode is not 0);

    private Watched WatchedOf(ResourceEvent change) =>
        _watched.TryGetValue(change.ResourceId, out var watched) ? watched : _watched[change.ResourceId] = new Watched();

    private void React(ResourceEvent change, CancellationToken ct)
    {
        var watched = WatchedOf(change);
        var now = change.Snapshot.State?.Text;
        if (now == KnownResourceStates.Running)
        {
            watched.RunningSince ??= clock.GetTimestamp();
            watched.IsStopped = false;
            watched.Died = false;
        }
        else if (now == KnownResourceStates.Stopping)
        {
            watched.IsStopped = true;
        }
        else if (now == KnownResourceStates.FailedToStart && WaitsForMigration(change.Resource))
        {
            watched.Died = false; // no death of its own
        }
        else if (KnownResourceStates.TerminalStates.Contains(now) && !watched.IsStopped && !watched.Died)
        {
            watched.Died = true;
            var lasted = watched.RunningSince is { } since ? clock.GetElapsedTime(since) : TimeSpan.Zero;
            watched.RunningSince = null;
            _ = RestartAsync(change, watched, lasted, ct);
        }
        else if (now == KnownResourceStates.Starting)
        {
            watched.RunningSince = null;
            watched.Died = false;
        }
    }

    private Task RestartAsync(ResourceEvent death, Watched watched, TimeSpan lasted, CancellationToken ct)
    {
        var wait = watched.Backoff.Next(lasted);
        Console.WriteLine($"{death.Resource.Name} ended (exit code {death.Snapshot.ExitCode?.ToString() ?? "unknown"}); {watched.Backoff.Describe(wait)}");
        return StartAsync(death.ResourceId, wait, ct);
    }

    private async Task StartAsync(string resource, TimeSpan wait, CancellationToken ct)
    {
        try
        {
            await Task.Delay(wait, clock, ct);
            if (_isStopping)
            {
                return;
            }

            var started = await commands.ExecuteCommandAsync(resource, KnownResourceCommands.StartCommand, ct);
            if (!started.Success && !_isStopping)
            {
                SupervisorLog.NotStarted(logger, resource, started.Message);
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
