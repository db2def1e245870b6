using Microsoft.Extensions.Hosting;

namespace Shop.AppHost.Hosting;

/// <summary>
/// Runs from before the orchestrator starts, whose own start ends only once everything runs, until the host has ended.
/// </summary>
internal abstract class EarlyService : IHostedLifecycleService, IDisposable
{
    private readonly CancellationTokenSource _end = new();
    private Task _running = Task.CompletedTask;

    public Task StartingAsync(CancellationToken cancellationToken)
    {
        _running = RunAsync(_end.Token);
        return Task.CompletedTask;
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Before the orchestrator stops.</summary>
    public virtual Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>After the orchestrator has stopped.</summary>
    public async Task StoppedAsync(CancellationToken cancellationToken)
    {
        await _end.CancelAsync();
        try
        {
            await _running.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            // As asked.
        }
    }

    public virtual void Dispose() => _end.Dispose();

    protected abstract Task RunAsync(CancellationToken ct);
}
