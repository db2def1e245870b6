using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Polly;
using Polly.Retry;

namespace Shop.ServiceDefaults.Messaging.Outbox;

/// <summary>
/// Moves events from the outbox to the broker: claims a batch by deleting it, publishes it, and commits after the last
/// confirm. Presence means ready: there is no cursor to skip with. A crash at any point repeats, and never loses.
/// </summary>
internal sealed partial class OutboxRelay(
    MessagingSettings settings, OutboxDoorbell doorbell, IRelayStore store, IEventPublisher publisher, TimeProvider clock,
    ILogger<OutboxRelay> logger)
    : BackgroundService
{
    private static readonly TimeSpan s_rebalanceEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_pauseAfterFailure = TimeSpan.FromMilliseconds(250);

    private readonly HashSet<string> _parkedStreams = [];
    private DateTimeOffset _rebalanceAt;
    private DateTimeOffset _retryParkedAt;

    /// <summary>Spreads the attempts to connect: the simulation gives its own, so that a run can be repeated.</summary>
    internal Func<double> Jitter { get; init; } = Random.Shared.NextDouble;

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => RelayAsync(stoppingToken);

    /// <summary>
    /// Relays until it is stopped. All of it goes on where it was called from and waits only by the clock, so that the simulation
    /// can run it step by step.
    /// </summary>
    internal async Task RelayAsync(CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await using var session = await ConnectAsync(stopping);
                await RunAsync(session, stopping);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                MessagingTelemetry.RelayFailures.Add(1);
                LogRoundFailed(e.Message);
                await Task.Delay(s_pauseAfterFailure, clock, stopping)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            }
        }
    }

    private async Task<IRelaySession> ConnectAsync(CancellationToken stopping)
    {
        var context = ResilienceContextPool.Shared.Get(continueOnCapturedContext: true, stopping);
        try
        {
            return await ConnectPipeline().ExecuteAsync(OpenAsync, context);
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    private ResiliencePipeline ConnectPipeline() => new ResiliencePipelineBuilder { TimeProvider = clock }
        .AddRetry(new RetryStrategyOptions
        {
            ShouldHandle = new PredicateBuilder().Handle<Exception>(e => e is not OperationCanceledException),
            MaxRetryAttempts = int.MaxValue,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            Randomizer = Jitter,
            Delay = TimeSpan.FromMilliseconds(200),
            MaxDelay = TimeSpan.FromSeconds(5),
            OnRetry = attempt =>
            {
                LogCannotConnect(attempt.Outcome.Exception?.Message ?? "", attempt.RetryDelay);
                return default;
            },
        })
        .Build();

    private async ValueTask<IRelaySession> OpenAsync(ResilienceContext context)
    {
        // The broker first: rows claimed while it is away would only be held back from vacuum.
        await publisher.ConnectAsync(context.CancellationToken);
        var session = await store.OpenAsync(context.CancellationToken);
        _rebalanceAt = _retryParkedAt = clock.GetUtcNow();
        return session;
    }

    private async Task RunAsync(IRelaySession session, CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            await publisher.ConnectAsync(stopping);
            await RebalanceAsync(session, stopping);
            if (doorbell.TakeRangHere() && !session.HoldsAll)
            {
                await session.NotifyAsync(stopping);
            }

            await RetryParkedAsync(session);
            if (await RelayBatchAsync(session) < settings.BatchSize)
            {
                await doorbell.WaitAsync(settings.PollInterval, stopping);
            }
        }
    }

    private async Task RebalanceAsync(IRelaySession session, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        if (now >= _rebalanceAt)
        {
            _rebalanceAt = now + s_rebalanceEvery;
            await session.RebalanceAsync(ct);
            _parkedStreams.Clear();
            _parkedStreams.UnionWith(await session.ParkedStreamsAsync(ct));
        }
    }

    /// <summary>
    /// One round. It takes no stopping token: a shutdown waits for the confirms, which are bounded, and for the commit, so that
    /// a deployment repeats nothing.
    /// </summary>
    private async Task<int> RelayBatchAsync(IRelaySession session)
    {
        await using var transaction = await session.BeginAsync(CancellationToken.None);
        var rows = await session.ClaimAsync(settings.BatchSize, CancellationToken.None);
        if (rows.Count == 0)
        {
            return 0;
        }

        var waiting = rows.Where(row => _parkedStreams.Contains(row.Stream)).ToList();
        var sending = rows.Where(row => !_parkedStreams.Contains(row.Stream)).ToList();
        var report = await publisher.PublishAsync(sending, CancellationToken.None);
        HashSet<string> refused = [.. sending.Where(row => report.Refused.ContainsKey(row.Seq)).Select(row => row.Stream)];
        var unsent = sending.Where(row => !report.Confirmed.Contains(row.Seq)).ToLookup(row => refused.Contains(row.Stream));

        await ParkAsync(session, [.. unsent[true], .. waiting], report);
        if (unsent[false].Any())
        {
            await session.PutBackAsync([.. unsent[false]], CancellationToken.None);
        }

        await transaction.CommitAsync();
        _parkedStreams.UnionWith(refused);
        MessagingTelemetry.Published.Add(report.Confirmed.Count);
        if (unsent[false].Any())
        {
            throw new IOException(
                $"The broker confirmed {report.Confirmed.Count} of {rows.Count} events; {unsent[false].Count()} go again.");
        }

        return rows.Count;
    }

    private async Task ParkAsync(IRelaySession session, IReadOnlyList<OutboxRow> rows, PublishReport report)
    {
        if (rows.Count == 0)
        {
            return;
        }

        var now = clock.GetUtcNow();
        await session.ParkAsync(rows, now, CancellationToken.None);
        MessagingTelemetry.Parked.Add(rows.Count);
        foreach (var row in rows.Where(row => report.Refused.ContainsKey(row.Seq)))
        {
            await FailAsync(session, row, attempts: 0, report.Refused[row.Seq], now);
        }
    }

    private async Task RetryParkedAsync(IRelaySession session)
    {
        var now = clock.GetUtcNow();
        if (_parkedStreams.Count == 0 || now < _retryParkedAt)
        {
            return;
        }

        _retryParkedAt = now + settings.PollInterval;
        await using var transaction = await session.BeginAsync(CancellationToken.None);
        var due = await session.DueAsync(now, settings.BatchSize, CancellationToken.None);
        if (due.Count == 0)
        {
            return;
        }

        var report = await publisher.PublishAsync(due, CancellationToken.None);
        await session.DeleteParkedAsync(report.Confirmed, CancellationToken.None);
        foreach (var row in due.Where(row => report.Refused.ContainsKey(row.Seq)))
        {
            var attempts = await session.AttemptsOfAsync(row.Seq, CancellationToken.None);
            await FailAsync(session, row, attempts, report.Refused[row.Seq], now);
        }

        await transaction.CommitAsync();
        MessagingTelemetry.Published.Add(report.Confirmed.Count);
        _parkedStreams.Clear();
        _parkedStreams.UnionWith(await session.ParkedStreamsAsync(CancellationToken.None));
    }

    private async Task FailAsync(IRelaySession session, OutboxRow row, int attempts, string error, DateTimeOffset now)
    {
        var delay = RetryDelay(attempts);
        await session.FailParkedAsync(row.Seq, now + delay, error, CancellationToken.None);
        LogStuck(row.Type, row.EventId, row.Stream, attempts + 1, error, delay);
    }

    /// <summary>Exponential from the configured first delay, doubled each time, at most the configured longest delay.</summary>
    private TimeSpan RetryDelay(int attempts) => TimeSpan.FromTicks(Math.Min(
        settings.MaxRetryDelay.Ticks, settings.FirstRetryDelay.Ticks << Math.Min(attempts, 20)));

    [LoggerMessage(LogLevel.Warning, "The relay cannot reach its database or its broker, next try in {Delay}: {Reason}")]
    private partial void LogCannotConnect(string reason, TimeSpan delay);

    [LoggerMessage(LogLevel.Warning, "A round of the relay failed and nothing is lost; it connects again: {Reason}")]
    private partial void LogRoundFailed(string reason);

    [LoggerMessage(LogLevel.Error,
        "{Type} {EventId} of {Stream} cannot be sent (attempt {Attempt}): {Error}. Later events of {Stream} wait behind it; next attempt in {Delay}.")]
    private partial void LogStuck(string type, Guid eventId, string stream, int attempt, string error, TimeSpan delay);
}
