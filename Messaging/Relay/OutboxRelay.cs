using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Polly;
using Polly.Retry;
using Shop.Messaging.Outbox;
using Shop.Messaging.Telemetry;

namespace Shop.Messaging.Relay;

/// <summary>
/// Moves events from the outbox to the broker: claims a batch by deleting it, publishes it, and commits after the last
/// confirm. A row's presence means ready: there is no cursor that could skip rows. A crash at any point causes duplicates, never loss.
/// </summary>
internal sealed partial class OutboxRelay(
    MessagingSettings settings, OutboxSignal signal, IRelayStore store, IEventPublisher publisher, RecentlyPublished published,
    TimeProvider clock, ILogger<OutboxRelay> logger)
    : BackgroundService
{
    private static readonly TimeSpan s_rebalanceEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_pauseAfterFailure = TimeSpan.FromMilliseconds(250);

    /// <summary>How often an event that is published alone may break the connection before it is parked; once for a parked event.</summary>
    internal const int MaxConnectionLosses = 3;

    private readonly HashSet<string> _parkedStreams = [];
    private readonly SlowStart _batch = new(settings.BatchSize);
    private ResiliencePipeline? _connecting;

    // Monotonic timestamps: setting the clock back must not stop the relay.
    private long? _rebalancedAt;
    private long? _retriedParkedAt;

    /// <summary>The jitter of reconnects. The simulation sets its own, for reproducible runs.</summary>
    internal Func<double> Jitter { get; init; } = Random.Shared.NextDouble;

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => RelayAsync(stoppingToken);

    /// <summary>
    /// Relays until it is stopped. It stays on the caller's synchronization context and waits only by the clock, so that the simulation
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
                published.Failed(e.Message);
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
            _connecting ??= ConnectPipeline();
            return await _connecting.ExecuteAsync(OpenAsync, context);
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
                published.Failed(Reason(attempt.Outcome.Exception));
                LogCannotConnect(Reason(attempt.Outcome.Exception), attempt.RetryDelay);
                return default;
            },
        })
        .Build();

    private async ValueTask<IRelaySession> OpenAsync(ResilienceContext context)
    {
        // The broker first: rows claimed while it is unreachable would only hold back vacuum.
        await publisher.ConnectAsync(context.CancellationToken);
        var session = await store.OpenAsync(context.CancellationToken);
        _rebalancedAt = _retriedParkedAt = null;
        return session;
    }

    private async Task RunAsync(IRelaySession session, CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            await publisher.ConnectAsync(stopping);
            await RebalanceAsync(session, stopping);
            if (signal.TryTakeLocal() && !session.HoldsAll)
            {
                await session.NotifyAsync(stopping);
            }

            await RetryParkedAsync(session);
            await publisher.ConnectAsync(stopping); // a parked event may have broken the connection
            if (!await RelayBatchAsync(session))
            {
                await signal.WaitAsync(settings.PollInterval, stopping);
            }
        }
    }

    private async Task RebalanceAsync(IRelaySession session, CancellationToken ct)
    {
        if (HasElapsed(_rebalancedAt, s_rebalanceEvery))
        {
            _rebalancedAt = clock.GetTimestamp();
            await session.RebalanceAsync(ct);
            _parkedStreams.Clear();
            _parkedStreams.UnionWith(await session.ParkedStreamsAsync(ct));
        }
    }

    /// <summary>
    /// One round. It has no stopping token: a shutdown waits for the confirms, which are bounded, and for the commit, so that
    /// a deployment causes no duplicates. Returns whether there may be more.
    /// </summary>
    private async Task<bool> RelayBatchAsync(IRelaySession session)
    {
        await using var transaction = await session.BeginAsync(CancellationToken.None);
        var size = _batch.Size;
        var rows = await session.ClaimAsync(size, CancellationToken.None);
        if (rows.Count == 0)
        {
            return false;
        }

        var waiting = _parkedStreams.Count == 0 ? [] : rows.Where(row => _parkedStreams.Contains(row.Stream)).ToList();
        var sending = waiting.Count == 0 ? rows : rows.Where(row => !_parkedStreams.Contains(row.Stream)).ToList();
        var report = await PublishAsync(sending, MaxConnectionLosses);
        if (report.Confirmed.Count == rows.Count)
        {
            await transaction.CommitAsync();
            published.Record(rows, report);
            return rows.Count == size;
        }

        if (report.Confirmed.Count + report.Refused.Count + waiting.Count == 0)
        {
            throw new IOException($"The broker confirmed none of {rows.Count} events; they are rolled back and republished.");
        }

        var unsent = report.UnsentOf(sending);
        await ParkAsync(session, [.. unsent[true], .. waiting], report);
        if (unsent[false].Any())
        {
            await session.PutBackAsync([.. unsent[false]], CancellationToken.None);
        }

        await transaction.CommitAsync();
        _parkedStreams.UnionWith(unsent[true].Select(row => row.Stream));
        published.Record(rows, report);
        ThrowIfUnknown(rows, report, unsent[false].Count());
        return rows.Count == size;
    }

    private async Task<PublishReport> PublishAsync(List<OutboxRow> rows, int maxLosses)
    {
        var start = clock.GetTimestamp();
        var report = await publisher.PublishAsync(rows, CancellationToken.None);
        if (report.Confirmed.Count == rows.Count || CountUnknown(rows, report) == 0)
        {
            _batch.RecordSuccess();
        }
        else if (clock.GetElapsedTime(start) < settings.ConfirmTimeout && _batch.RecordLoss(rows, maxLosses))
        {
            // Only an immediate loss of the connection counts, not a timeout of a slow broker.
            report.Refused[rows[0].Seq] = "the connection to the broker was lost each time this event was published alone";
        }

        return report;
    }

    /// <summary>Events that were neither confirmed nor rejected, nor wait behind a rejected one of their stream.</summary>
    private static int CountUnknown(List<OutboxRow> rows, PublishReport report) => report.UnsentOf(rows)[false].Count();

    private static void ThrowIfUnknown(List<OutboxRow> rows, PublishReport report, int unknown)
    {
        if (unknown > 0)
        {
            throw new IOException($"The broker confirmed {report.Confirmed.Count} of {rows.Count} events; {unknown} are republished.");
        }
    }

    private async Task ParkAsync(IRelaySession session, List<OutboxRow> rows, PublishReport report)
    {
        if (rows.Count == 0)
        {
            return;
        }

        await session.ParkAsync(rows, CancellationToken.None);
        MessagingTelemetry.Parked.Add(rows.Count);
        foreach (var row in rows.Where(row => report.Refused.ContainsKey(row.Seq)))
        {
            await FailAsync(session, row, attempts: 0, report.Refused[row.Seq]);
        }
    }

    private async Task RetryParkedAsync(IRelaySession session)
    {
        if (_parkedStreams.Count == 0 || !HasElapsed(_retriedParkedAt, settings.PollInterval))
        {
            return;
        }

        _retriedParkedAt = clock.GetTimestamp();
        await using var transaction = await session.BeginAsync(CancellationToken.None);
        var due = await session.DueAsync(_batch.Size, CancellationToken.None);
        if (due.Count == 0)
        {
            return;
        }

        var report = await PublishAsync(due, maxLosses: 1);
        await session.DeleteParkedAsync(report.Confirmed, CancellationToken.None);
        foreach (var row in due.Where(row => report.Refused.ContainsKey(row.Seq)))
        {
            var attempts = await session.AttemptsOfAsync(row.Seq, CancellationToken.None);
            await FailAsync(session, row, attempts, report.Refused[row.Seq]);
        }

        await transaction.CommitAsync();
        published.Record(due, report);
        ThrowIfUnknown(due, report, CountUnknown(due, report));
        _parkedStreams.Clear();
        _parkedStreams.UnionWith(await session.ParkedStreamsAsync(CancellationToken.None));
    }

    private async Task FailAsync(IRelaySession session, OutboxRow row, int attempts, string error)
    {
        var delay = RetryDelay(attempts);
        published.Failed($"{row.Type} {row.EventId} could not be published: {error}");
        await session.FailParkedAsync(row.Seq, delay, error, CancellationToken.None);
        LogStuck(row.Type, row.EventId, row.Stream, attempts + 1, error, delay);
    }

    private bool HasElapsed(long? since, TimeSpan interval) => since is not { } then || clock.GetElapsedTime(then) >= interval;

    /// <summary>Exponential from the configured first delay, doubled each time, at most the configured longest delay.</summary>
    private TimeSpan RetryDelay(int attempts) => TimeSpan.FromTicks(Math.Min(
        settings.MaxRetryDelay.Ticks, settings.FirstRetryDelay.Ticks << Math.Min(attempts, 20)));

    /// <summary>The client's message alone ("None of the specified endpoints were reachable") hides causes such as the certificate.</summary>
    private static string Reason(Exception? failed) =>
        failed?.GetBaseException() is { } cause && cause != failed ? $"{failed.Message}: {cause.Message}" : failed?.Message ?? "";

    [LoggerMessage(LogLevel.Warning, "Relay cannot connect to the database or the broker; next attempt in {Delay}: {Reason}")]
    private partial void LogCannotConnect(string reason, TimeSpan delay);

    [LoggerMessage(LogLevel.Warning, "Relay round failed and was rolled back; reconnecting: {Reason}")]
    private partial void LogRoundFailed(string reason);

    [LoggerMessage(LogLevel.Error,
        "{Type} {EventId} of {Stream} could not be published (attempt {Attempt}): {Error}. Later events of {Stream} wait behind it; next attempt in {Delay}")]
    private partial void LogStuck(string type, Guid eventId, string stream, int attempt, string error, TimeSpan delay);
}
