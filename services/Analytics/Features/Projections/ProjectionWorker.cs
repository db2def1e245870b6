using System.Data.Common;

namespace Shop.Analytics.Features.Projections;

/// <summary>Runs the steps of rebuilds, on any number of instances.</summary>
internal sealed partial class ProjectionWorker(IServiceScopeFactory scopes, TimeProvider clock, ILogger<ProjectionWorker> logger)
    : BackgroundService
{
    private static readonly TimeSpan s_every = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(s_every, clock);
        do
        {
            try
            {
                while (await WorkAsync(stoppingToken))
                {
                }
            }
            catch (Exception e) when (e is DbException or TimeoutException or InvalidOperationException)
            {
                LogFailed(e.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task<bool> WorkAsync(CancellationToken ct)
    {
        await using var scope = scopes.CreateAsyncScope();
        var rebuilds = scope.ServiceProvider.GetRequiredService<ProjectionRebuilds>();
        return await rebuilds.StepAsync(ct);
    }

    [LoggerMessage(LogLevel.Warning, "Projection rebuild step failed; retried in the next round: {Reason}")]
    private partial void LogFailed(string reason);
}
