using Microsoft.Extensions.Logging;
using Shop.Messaging.Outbox;
using Shop.Messaging.Relay;
using Shop.Messaging.Telemetry;

namespace Shop.Messaging.LogTailing;

/// <summary>
/// Moves a batch from the log to durable storage: to the broker, confirmed as routed, or as rows into the outbox table. Into the table
/// go events that the broker rejects, with the later ones of their streams; events that must wait behind rows of their stream; and
/// all events while the retained log exceeds its limit. The polling relay retries and parks them like any row.
/// </summary>
internal sealed partial class LogDelivery(
    MessagingSettings settings, OutboxSignal signal, IEventPublisher publisher, RecentlyPublished published, TimeProvider clock,
    ILogger<LogDelivery> logger)
    : IAsyncDisposable
{
    private static readonly TimeSpan s_firstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(1);

    private readonly SlowStart _batch = new(settings.BatchSize);

    /// <summary>Whether there may be rows in the table: while events go into the log, only this relay inserts rows.</summary>
    private bool _rowsMayWait = true;

    /// <summary>Call it when this process begins to read: other processes may have inserted rows before.</summary>
    public void Begin() => _rowsMayWait = true;

    /// <summary>
    /// Returns when all events are confirmed or stored; false if it was stopped before that, and some may be published again.
    /// </summary>
    public async Task<bool> DeliverAsync(
        LogSession session, IReadOnlyList<OutboxRow> rows, Func<Task<LogState?>> refreshState, CancellationToken stopping)
    {
        var pause = s_firstPause;
        while (rows.Count > 0)
        {
            var before = rows.Count;
            var state = await refreshState();
            rows = state?.ExceedsLimit(settings.MaxRetainedLog) == true
                ? await StoreAllAsync(session, rows, state)
                : await SendAsync(session, await StoreWaitingAsync(session, rows, state is not { HasTrigger: false }));
            if (rows.Count == 0)
            {
                return true;
            }

            if (stopping.IsCancellationRequested)
            {
                return false;
            }

            if (rows.Count < before)
            {
                pause = s_firstPause;
                continue;
            }

            await Task.Delay(pause, clock, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            pause = TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, s_longestPause.Ticks));
        }

        return true;
    }

    public ValueTask DisposeAsync() => publisher is IAsyncDisposable disposable ? disposable.DisposeAsync() : ValueTask.CompletedTask;

    /// <summary>Publishes a batch; returns the events that are neither confirmed nor rejected.</summary>
    private async Task<IReadOnlyList<OutboxRow>> SendAsync(LogSession session, IReadOnlyList<OutboxRow> rows)
    {
        if (rows.Count == 0)
        {
            return rows;
        }

        List<OutboxRow> sending = [.. rows.Take(_batch.Size)];
        PublishReport report;
        try
        {
            // No stopping token: the wait is bounded, and a shutdown waits for the confirms, to avoid duplicates.
            using var timeout = new CancellationTokenSource(settings.ConfirmTimeout, clock);
            await publisher.ConnectAsync(timeout.Token);
            report = await PublishAsync(sending);
        }
        catch (Exception e)
        {
            LogBrokerUnavailable(rows.Count, e.Message);
            return rows;
        }

        published.Record(sending, report); // they have no rows; the position follows
        if (report.Confirmed.Count == rows.Count)
        {
            return [];
        }

        var unsent = report.UnsentOf(sending);
        await StoreAsync(session, [.. unsent[true]]);
        return [.. unsent[false], .. rows.Skip(sending.Count)];
    }

    /// <summary>As in the polling relay: an event that breaks the connection each time it is published alone is rejected.</summary>
    private async Task<PublishReport> PublishAsync(List<OutboxRow> rows)
    {
        var start = clock.GetTimestamp();
        var report = await publisher.PublishAsync(rows, CancellationToken.None);
        if (report.Confirmed.Count == rows.Count || !report.UnsentOf(rows)[false].Any())
        {
            _batch.RecordSuccess();
        }
        else if (clock.GetElapsedTime(start) < settings.ConfirmTimeout && _batch.RecordLoss(rows, OutboxRelay.MaxConnectionLosses))
        {
            report.Refused[rows[0].Seq] = "the connection to the broker was lost each time this event was published alone";
        }

        return report;
    }

    private async Task<IReadOnlyList<OutboxRow>> StoreWaitingAsync(
        LogSession session, IReadOnlyList<OutboxRow> rows, bool olderThanLog)
    {
        if (!_rowsMayWait)
        {
            return rows;
        }

        var waiting = await session.WaitingStreamsAsync(olderThanLog, CancellationToken.None);
        _rowsMayWait = waiting.Any;
        await StoreAsync(session, [.. rows.Where(row => waiting.Contains(row.Stream))]);
        return waiting.Any ? [.. rows.Where(row => !waiting.Contains(row.Stream))] : rows;
    }

    private async Task<IReadOnlyList<OutboxRow>> StoreAllAsync(LogSession session, IReadOnlyList<OutboxRow> rows, LogState state)
    {
        LogOverCeiling(state.Lag, state.Ceiling(settings.MaxRetainedLog), state.WalStatus, rows.Count);
        await StoreAsync(session, rows);
        return [];
    }

    private async Task StoreAsync(LogSession session, IReadOnlyList<OutboxRow> rows)
    {
        if (rows.Count == 0)
        {
            return;
        }

        _rowsMayWait = true;
        await session.StoreAsync(rows, CancellationToken.None);
        MessagingTelemetry.StoredFromLog.Add(rows.Count);
        signal.SetByOtherProcess();
    }

    [LoggerMessage(LogLevel.Warning, "{Count} events from the log could not be published and are retried: {Reason}")]
    private partial void LogBrokerUnavailable(int count, string reason);

    [LoggerMessage(LogLevel.Warning,
        "Log backlog of {Lag} bytes exceeds the limit of {Ceiling} (slot is {WalStatus}): {Count} events moved to the outbox table, so that the server can remove the log")]
    private partial void LogOverCeiling(long lag, long ceiling, string? walStatus, int count);
}
