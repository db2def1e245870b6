using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Operations;

/// <summary>
/// Retries or discards many dead letters or parked events, at a rate, by jobs that any instance shows and cancels. The instance that started a job runs it;
/// when it ends, the job is interrupted, and what it has not moved is still there.
/// </summary>
public sealed partial class RedriveJobs : IHostedService
{
    private static readonly TimeSpan s_step = TimeSpan.FromSeconds(1);

    private readonly JobStore _store;
    private readonly IServiceScopeFactory _scopes;
    private readonly ParkedEvents _parked;
    private readonly TimeProvider _clock;
    private readonly ILogger<RedriveJobs> _logger;
    private readonly CancellationToken _stopping;
    private readonly ConcurrentDictionary<Guid, Task> _running = [];

    internal RedriveJobs(
        JobStore store, IServiceScopeFactory scopes, ParkedEvents parked, IHostApplicationLifetime lifetime, TimeProvider clock,
        ILogger<RedriveJobs> logger) =>
        (_store, _scopes, _parked, _stopping, _clock, _logger) = (store, scopes, parked, lifetime.ApplicationStopping, clock, logger);

    /// <summary>Starts a job. Returns it and true; or the job that runs on the queue already, and false.</summary>
    public async Task<(RedriveJob Job, bool Started)> StartAsync(RedriveOrder order, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(order);
        while (true)
        {
            if ((await _store.ReadAsync(ct, running: order.Queue)) is [var other, ..])
            {
                return (other, false);
            }

            var id = Guid.CreateVersion7(_clock.GetUtcNow());
            IRedrive redrive = order.Queue == RedriveOrder.Outbox ? new ParkedRedrive(id, order, _parked, _clock) : new DeadLetterRedrive(id, order, _scopes);
            if (await _store.TryAddAsync(id, order, await redrive.CountAsync(ct), ct))
            {
                _running[id] = Task.Run(() => RunAsync(id, order, redrive), CancellationToken.None);
                return ((await _store.ReadAsync(ct, id))[0], true);
            }
        }
    }

    /// <summary>The newest jobs, at most fifty.</summary>
    public Task<IReadOnlyList<RedriveJob>> ListAsync(CancellationToken ct) => _store.ReadAsync(ct);

    /// <summary>A job; null where there is none.</summary>
    public async Task<RedriveJob?> FindAsync(Guid id, CancellationToken ct) =>
        await _store.ReadAsync(ct, id) is [var job, ..] ? job : null;

    /// <summary>Cancels a job, unless it has ended; the step that it is at ends within a second. Null where there is none.</summary>
    public async Task<RedriveJob?> CancelAsync(Guid id, string by, CancellationToken ct)
    {
        await _store.CancelAsync(id, by, ct);
        return await FindAsync(id, ct);
    }

    /// <inheritdoc />
    Task IHostedService.StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc />
    async Task IHostedService.StopAsync(CancellationToken cancellationToken) =>
        await Task.WhenAll(_running.Values).WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private async Task RunAsync(Guid id, RedriveOrder order, IRedrive redrive)
    {
        try
        {
            var state = await MoveAllAsync(id, order, redrive);
            await _store.EndAsync(id, state, CancellationToken.None);
        }
        catch (Exception e)
        {
            LogFailed(id, order.Queue, e.Message);
            await TryEndAsync(id, e);
        }
        finally
        {
            _running.TryRemove(id, out _);
        }
    }

    /// <summary>Moves a second's worth, and waits for the rest of the second, until nothing is left to move.</summary>
    private async Task<string> MoveAllAsync(Guid id, RedriveOrder order, IRedrive redrive)
    {
        var (moved, left) = (0, 0);
        while (await _store.ProgressAsync(id, moved, left, CancellationToken.None))
        {
            if (_stopping.IsCancellationRequested)
            {
                return "interrupted";
            }

            var start = _clock.GetTimestamp();
            var step = await redrive.StepAsync(_stopping);
            (moved, left) = (moved + step.Count, step.Left);
            if (step.Count == 0)
            {
                await _store.ProgressAsync(id, moved, left, CancellationToken.None);
                return "finished";
            }

            if (s_step - _clock.GetElapsedTime(start) is { Ticks: > 0 } rest && step.Count >= order.PerSecond)
            {
                await _store.ProgressAsync(id, moved, left, CancellationToken.None);
                await Task.Delay(rest, _clock, _stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        return "cancelled"; // by a person; the row says so already
    }

    private async Task TryEndAsync(Guid id, Exception failure)
    {
        try
        {
            await _store.EndAsync(id, _stopping.IsCancellationRequested ? "interrupted" : "failed", CancellationToken.None,
                _stopping.IsCancellationRequested ? null : Untrusted.Sanitize(failure.GetBaseException().Message, 1_000));
        }
        catch (Exception e)
        {
            LogFailed(id, "its row", e.Message); // it counts as interrupted after a minute
        }
    }

    [LoggerMessage(LogLevel.Warning, "Job {Id} on {Queue} failed: {Reason}")]
    private partial void LogFailed(Guid id, string queue, string reason);
}
