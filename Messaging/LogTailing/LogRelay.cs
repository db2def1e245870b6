using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using NpgsqlTypes;
using Shop.Messaging.Outbox;
using Shop.Messaging.Relay;
using Shop.Messaging.Telemetry;

namespace Shop.Messaging.LogTailing;

/// <summary>
/// Moves events from the database's log to the broker. One process reads the slot, the others wait for the leader lock. A position is
/// confirmed to the server only after every event before it is confirmed by the broker or committed as a row, which the
/// polling relay publishes or parks: a crash at any point causes duplicates, never loss.
/// </summary>
/// <remarks>
/// It also runs where polling is configured, while a slot exists: events logged before the switch are published, and
/// then the slot is dropped.
/// </remarks>
internal sealed partial class LogRelay(
    MessagingSettings settings, OutboxSignal signal, LogStatus status, LogDelivery delivery, RecentlyPublished published, TimeProvider clock,
    ILogger<LogRelay> logger) : BackgroundService
{
    /// <summary>Bytes of other databases' log after which an idle reader's position is advanced by a heartbeat.</summary>
    private const long HeartbeatLag = 1 << 20;

    private static readonly TimeSpan s_refreshEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_pauseAfterFailure = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan s_pauseWhileHeld = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_slotCheckEvery = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_shutdownTimeout = TimeSpan.FromSeconds(10);

    private string _reported = "";
    private DateTimeOffset _refreshAt;

    /// <summary>The end of the log after the trigger was dropped: no later event is in the log. Null while there is a trigger.</summary>
    private NpgsqlLogSequenceNumber? _lastEvent;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var failures = 0;
        while (!stoppingToken.IsCancellationRequested)
        {
            TimeSpan pause;
            try
            {
                await using var session = await LogSession.OpenAsync(settings, stoppingToken);
                pause = await TryRelayAsync(session, stoppingToken);
                failures = 0;
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (LogReader.IsHeldByAnother(e))
            {
                pause = s_pauseWhileHeld; // the reader's process died, and the server has not noticed yet
            }
            catch (Exception e)
            {
                MessagingTelemetry.RelayFailures.Add(1);
                published.Failed(e.Message);
                LogRoundFailed(e.Message);
                failures = status.Leads ? 0 : failures;
                pause = s_pauseAfterFailure * (1 << Math.Min(failures++, 4)); // up to 4 s while the database is unavailable
            }
            finally
            {
                status.Leads = false;
            }

            await Task.Delay(pause, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Waits for the leader lock and reads until it is stopped; returns the pause before the next attempt.</summary>
    private async Task<TimeSpan> TryRelayAsync(LogSession session, CancellationToken stopping)
    {
        while (true)
        {
            var state = await RefreshStateAsync(session, stopping);
            if (!state.IsReadable || !state.MayReplicate)
            {
                return s_slotCheckEvery;
            }

            if (await session.TryLeadAsync(stopping))
            {
                await LeadAsync(session, state.Slot, stopping);
                return TimeSpan.Zero;
            }

            await Task.Delay(settings.PollInterval, clock, stopping);
        }
    }

    private async Task LeadAsync(LogSession session, string slot, CancellationToken stopping)
    {
        await using var reader = await LogReader.StartAsync(settings, slot, stopping);
        status.Leads = true;
        delivery.Begin();
        LogLeading(slot);
        NpgsqlLogSequenceNumber? confirmed = null;
        var giveUpAt = DateTimeOffset.MaxValue;
        var inside = false;

        // When stopped inside a transaction it reads on to its end: a position within a transaction cannot be confirmed.
        while (!stopping.IsCancellationRequested || (inside && clock.GetUtcNow() < giveUpAt))
        {
            var batch = await reader.ReadBatchAsync(settings.BatchSize, settings.PollInterval, inside ? CancellationToken.None : stopping);
            if (!await delivery.DeliverAsync(session, batch.Rows, () => RefreshIfDueAsync(session), stopping))
            {
                break; // neither undelivered events nor anything after them may be confirmed
            }

            inside = batch.EndsInside;
            if (batch.CommittedUpTo is { } end)
            {
                await reader.ConfirmAsync(end, CancellationToken.None);
                confirmed = end;
            }

            if (stopping.IsCancellationRequested)
            {
                giveUpAt = giveUpAt == DateTimeOffset.MaxValue ? clock.GetUtcNow() + s_shutdownTimeout : giveUpAt;
            }
            else if (await TryFinishAsync(session, reader, idle: batch.Rows.Count == 0 && !inside, stopping))
            {
                return;
            }
        }

        await HandOverAsync(session, confirmed);
    }

    /// <summary>Drops the slot where it is no longer needed and returns true then. Runs about once a second, and advances an idle reader's position.</summary>
    private async Task<bool> TryFinishAsync(LogSession session, LogReader reader, bool idle, CancellationToken ct)
    {
        if (clock.GetUtcNow() < _refreshAt)
        {
            return false;
        }

        var state = await RefreshStateAsync(session, ct);
        if (!state.IsReadable)
        {
            throw new IOException($"Slot {state.Slot} can no longer be read.");
        }

        if (state.HasTrigger)
        {
            _lastEvent = null;
        }
        else
        {
            // No transaction that wrote to the log is open: dropping the trigger waited for them.
            _lastEvent ??= await session.EndOfLogAsync(ct);
            if (idle && NpgsqlLogSequenceNumber.Parse(state.Confirmed) >= _lastEvent && await session.TryLockSetupAsync(ct))
            {
                return await RemoveAsync(session, reader, ct);
            }
        }

        if (idle && (state.Lag > HeartbeatLag || _lastEvent is not null))
        {
            await session.HeartbeatAsync(ct);
        }

        return false;
    }

    private async Task<bool> RemoveAsync(LogSession session, LogReader reader, CancellationToken ct)
    {
        if ((await session.StateAsync(ct)).HasTrigger)
        {
            throw new IOException("Log tailing was set up again just now."); // the next round has a new session, without the setup lock
        }

        await reader.DisposeAsync();
        await session.RemoveSlotAsync(ct);
        LogRemoved();
        return true;
    }

    /// <summary>Waits until the server has stored the last position: the next reader starts there, without duplicates.</summary>
    private async Task HandOverAsync(LogSession session, NpgsqlLogSequenceNumber? confirmed)
    {
        var giveUpAt = clock.GetUtcNow() + s_shutdownTimeout;
        while (confirmed is not null && clock.GetUtcNow() < giveUpAt
            && NpgsqlLogSequenceNumber.Parse((await session.StateAsync(CancellationToken.None)).Confirmed) < confirmed)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), clock);
        }
    }

    private async Task<LogState?> RefreshIfDueAsync(LogSession session) =>
        clock.GetUtcNow() < _refreshAt ? status.State : await RefreshStateAsync(session, CancellationToken.None);

    private async Task<LogState> RefreshStateAsync(LogSession session, CancellationToken ct)
    {
        _refreshAt = clock.GetUtcNow() + s_refreshEvery;
        var state = await session.StateAsync(ct);
        status.State = state;
        signal.Suppressed = state is { HasTrigger: true, IsReadable: true, MayReplicate: true };
        Report(state);
        return state;
    }

    private void Report(LogState state)
    {
        var report = (state.IsLost, state.UnmetRequirement, state.HasTrigger, state.HasSlot).ToString();
        if (report == _reported)
        {
            return;
        }

        _reported = report;
        if (state.IsLost)
        {
            LogLost(state.LostMessage);
        }
        else if (settings.Relay != RelayKind.Polling && (state.UnmetRequirement is not null || !state.HasTrigger))
        {
            LogFallsBack(state.UnmetRequirement ?? "the service's migrate command has not set it up");
        }
        else if (settings.Relay == RelayKind.Polling && state.HasSlot)
        {
            LogDrains(state.Slot, state.HasTrigger
                ? "Events still go to the log: run the service's migrate command with this configuration"
                : "Its events are published, then it is dropped");
        }
    }

    [LoggerMessage(LogLevel.Information, "Relay reads the log through slot {Slot}")]
    private partial void LogLeading(string slot);

    [LoggerMessage(LogLevel.Critical, "{WhatAndWhatToDo}")]
    private partial void LogLost(string whatAndWhatToDo);

    [LoggerMessage(LogLevel.Warning,
        "Messaging:Relay is LogTailing, but {Reason}. No event is lost: events are stored as rows and polled.")]
    private partial void LogFallsBack(string reason);

    [LoggerMessage(LogLevel.Warning, "Messaging:Relay is Polling, and slot {Slot} is left from log tailing. {WhatHappens}.")]
    private partial void LogDrains(string slot, string whatHappens);

    [LoggerMessage(LogLevel.Information, "All events of the log are published; slot dropped, events are polled")]
    private partial void LogRemoved();

    [LoggerMessage(LogLevel.Warning, "Reading the log failed; restarting at the last confirmed position: {Reason}")]
    private partial void LogRoundFailed(string reason);
}
