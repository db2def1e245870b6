using Microsoft.Extensions.Logging;
using Shop.Messaging.Outbox;
using Shop.Messaging.Relay;
using Shop.Messaging.Telemetry;

namespace Shop.Messaging.LogTailing;

/// <summary>
/// Brings a batch from the log to where it is safe: to the broker, confirmed as routed, or, as rows, into the table. Into the table
/// goes what the broker refuses, with all that follows in the same stream; what has to wait behind rows of its stream; and
/// everything while more log waits than is allowed. The polling relay retries and parks those as it does its own.
/// </summary>
internal sealed partial class LogDelivery(
    MessagingSettings settings, OutboxDoorbell doorbell, IEventPublisher publisher, TimeProvider clock, ILogger<LogDelivery> logger)
    : IAsyncDisposable
{
    private static readonly TimeSpan s_firstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(1);

    private readonly SlowStart _batch = new(settings.BatchSize);

    /// <summary>Whether rows may wait: this relay alone makes rows while events go into the log.</summary>
    private bool _rowsMayWait = true;

    /// <summary>To be called when this process begins to read: others may have made rows before.</summary>
    public void Begin() => _rowsMayWait = true;

    /// <summary>
    /// Returns when all of it is safe; false if it was asked to stop before that, and some of it may be sent again.
    /// </summary>
    public async Task<bool> DeliverAsync(
        LogSession session, IReadOnlyList<OutboxRow> rows, Func<Task<LogState?>> look, CancellationToken stopping)
    {
        var pause = s_firstPause;
        while (rows.Count > 0)
        {
            var before = rows.Count;
            var state = await look();
            rows = state?.IsTooMuch(settings.MaxRetainedLog) == true
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

    /// <summary>Publishes as many as it may at once; what is left is neither confirmed nor refused.</summary>
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
            // No stopping token: the wait is bounded, and a shutdown waits for the confirms, so that it repeats nothing.
            using var patience = new CancellationTokenSource(settings.ConfirmTimeout, clock);
            await publisher.ConnectAsync(patience.Token);
            report = await PublishAsync(sending);
        }
        catch (Exception e)
        {
            LogBrokerAway(rows.Count, e.Message);
            return rows;
        }

        SentEvents.Count(sending, report, clock);
        if (report.Confirmed.Count == rows.Count)
        {
            return [];
        }

        var unsent = report.UnsentOf(sending);
        await StoreAsync(session, [.. unsent[true]]);
        return [.. unsent[false], .. rows.Skip(sending.Count)];
    }

    /// <summary>As the polling relay does: an event that costs the connection each time that it is sent alone is refused.</summary>
    private async Task<PublishReport> PublishAsync(List<OutboxRow> rows)
    {
        var start = clock.GetTimestamp();
        var report = await publisher.PublishAsync(rows, CancellationToken.None);
        if (report.Confirmed.Count == rows.Count || !report.UnsentOf(rows)[false].Any())
        {
            _batch.Succeeded();
        }
        else if (clock.GetElapsedTime(start) < settings.ConfirmTimeout && _batch.Blames(rows, OutboxRelay.LossesAllowed))
        {
            report.Refused[rows[0].Seq] = "the broker's connection was lost each time that it was sent alone";
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
        doorbell.RingFromOutside();
    }

    [LoggerMessage(LogLevel.Warning, "{Count} events from the log cannot be sent now, and are tried again: {Reason}")]
    private partial void LogBrokerAway(int count, string reason);

    [LoggerMessage(LogLevel.Warning,
        "{Lag} bytes of log wait, {Ceiling} may, and the server calls the slot {WalStatus}: {Count} events go into the table, so that it can let go of the log")]
    private partial void LogOverCeiling(long lag, long ceiling, string? walStatus, int count);
}
