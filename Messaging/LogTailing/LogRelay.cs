using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using NpgsqlTypes;
using Shop.Messaging.Outbox;
using Shop.Messaging.Telemetry;

namespace Shop.Messaging.LogTailing;

/// <summary>
/// Moves events from the database's log to the broker. One process reads the slot, the others wait for its lock. A position is
/// confirmed to the server only when every event before it is either confirmed by the broker or committed as a row, which the
/// polling relay beside it sends or parks: a crash at any point repeats, and never loses.
/// </summary>
/// <remarks>
/// It also runs where polling is configured, as long as there is a slot: what went into the log before the switch is sent, and
/// then the slot is removed.
/// </remarks>
internal sealed partial class LogRelay(
    MessagingSettings settings, OutboxDoorbell doorbell, LogStatus status, LogDelivery delivery, TimeProvider clock,
    ILogger<LogRelay> logger) : BackgroundService
{
    /// <summary>Log of other databases that may wait for a confirmation while this one is idle.</summary>
    private const long HeartbeatLag = 1 << 20;

    private static readonly TimeSpan s_lookEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_pauseAfterFailure = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan s_pauseWhileHeld = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_lookForSlotEvery = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_patienceAtTheEnd = TimeSpan.FromSeconds(10);

    private string _reported = "";
    private DateTimeOffset _lookAt;

    /// <summary>The end of the log when no event could get into it any more; null while there is a trigger.</summary>
    private NpgsqlLogSequenceNumber? _lastEvent;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var pause = s_pauseAfterFailure;
            try
            {
                await using var session = await LogSession.OpenAsync(settings, stoppingToken);
                pause = await TryRelayAsync(session, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (LogReader.IsHeldByAnother(e))
            {
                pause = s_pauseWhileHeld; // its process is gone, and the server has not noticed yet
            }
            catch (Exception e)
            {
                MessagingTelemetry.RelayFailures.Add(1);
                LogRoundFailed(e.Message);
            }
            finally
            {
                status.Leads = false;
            }

            await Task.Delay(pause, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Leads until it is stopped, if there is something to read; how long to pause before the next look.</summary>
    private async Task<TimeSpan> TryRelayAsync(LogSession session, CancellationToken stopping)
    {
        while (true)
        {
            var state = await LookAsync(session, stopping);
            if (!state.IsReadable || !state.MayReplicate)
            {
                return s_lookForSlotEvery;
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
        LogLeads(slot);
        NpgsqlLogSequenceNumber? confirmed = null;
        var giveUpAt = DateTimeOffset.MaxValue;
        var inside = false;

        // Asked to stop inside a transaction, it goes on to the end of it: a position within cannot be confirmed.
        while (!stopping.IsCancellationRequested || (inside && clock.GetUtcNow() < giveUpAt))
        {
            var batch = await reader.TakeAsync(settings.BatchSize, settings.PollInterval, inside ? CancellationToken.None : stopping);
            if (!await delivery.DeliverAsync(session, batch.Rows, () => LookAgainAsync(session), stopping))
            {
                break; // what is not delivered must not be confirmed, and nothing after it
            }

            inside = batch.EndsInside;
            if (batch.CommittedUpTo is { } end)
            {
                await reader.ConfirmAsync(end, CancellationToken.None);
                confirmed = end;
            }

            if (stopping.IsCancellationRequested)
            {
                giveUpAt = giveUpAt == DateTimeOffset.MaxValue ? clock.GetUtcNow() + s_patienceAtTheEnd : giveUpAt;
            }
            else if (await IsDoneAsync(session, reader, idle: batch.Rows.Count == 0 && !inside, stopping))
            {
                return;
            }
        }

        await HandOverAsync(session, confirmed);
    }

    /// <summary>Whether the slot has served its time and is gone. Looks about once a second, and lets an idle reader's position move on.</summary>
    private async Task<bool> IsDoneAsync(LogSession session, LogReader reader, bool idle, CancellationToken ct)
    {
        if (clock.GetUtcNow() < _lookAt)
        {
            return false;
        }

        var state = await LookAsync(session, ct);
        if (!state.IsReadable)
        {
            throw new IOException($"Slot {state.Slot} cannot be read any more.");
        }

        if (state.HasTrigger)
        {
            _lastEvent = null;
        }
        else
        {
            // No transaction that wrote into the log is still open: removing the trigger waited for them.
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
            throw new IOException("Log tailing was set up again just now."); // comes back with a session that does not hold this lock
        }

        await reader.DisposeAsync();
        await session.RemoveSlotAsync(ct);
        LogRemoved();
        return true;
    }

    /// <summary>Waits until the server has the last position: whoever is next begins there and repeats nothing.</summary>
    private async Task HandOverAsync(LogSession session, NpgsqlLogSequenceNumber? confirmed)
    {
        var giveUpAt = clock.GetUtcNow() + s_patienceAtTheEnd;
        while (confirmed is not null && clock.GetUtcNow() < giveUpAt
            && NpgsqlLogSequenceNumber.Parse((await session.StateAsync(CancellationToken.None)).Confirmed) < confirmed)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), clock);
        }
    }

    private async Task<LogState?> LookAgainAsync(LogSession session) =>
        clock.GetUtcNow() < _lookAt ? status.State : await LookAsync(session, CancellationToken.None);

    private async Task<LogState> LookAsync(LogSession session, CancellationToken ct)
    {
        _lookAt = clock.GetUtcNow() + s_lookEvery;
        var state = await session.StateAsync(ct);
        status.State = state;
        doorbell.Muted = state is { HasTrigger: true, IsReadable: true, MayReplicate: true };
        Report(state);
        return state;
    }

    private void Report(LogState state)
    {
        var report = (state.IsLost, state.Hindrance, state.HasTrigger, state.HasSlot).ToString();
        if (report == _reported)
        {
            return;
        }

        _reported = report;
        if (state.IsLost)
        {
            LogLost(state.LostMessage);
        }
        else if (settings.Relay != RelayKind.Polling && (state.Hindrance is not null || !state.HasTrigger))
        {
            LogFallsBack(state.Hindrance ?? "the service's migrate command has not set it up");
        }
        else if (settings.Relay == RelayKind.Polling && state.HasSlot)
        {
            LogDrains(state.Slot, state.HasTrigger
                ? "Events still go into the log: run the service's migrate command with this configuration"
                : "What is in it is sent, then it is removed");
        }
    }

    [LoggerMessage(LogLevel.Information, "This process reads the log through slot {Slot} and sends its events")]
    private partial void LogLeads(string slot);

    [LoggerMessage(LogLevel.Critical, "{WhatAndWhatToDo}")]
    private partial void LogLost(string whatAndWhatToDo);

    [LoggerMessage(LogLevel.Warning,
        "Messaging:Relay is LogTailing, but {Reason}. Nothing is lost by that: events are stored as rows and polled.")]
    private partial void LogFallsBack(string reason);

    [LoggerMessage(LogLevel.Warning, "Messaging:Relay is Polling, and slot {Slot} is left from log tailing. {WhatHappens}.")]
    private partial void LogDrains(string slot, string whatHappens);

    [LoggerMessage(LogLevel.Information, "All that was in the log is sent; the slot is removed, and events are polled")]
    private partial void LogRemoved();

    [LoggerMessage(LogLevel.Warning, "Reading the log failed and nothing is lost; it begins again from the last confirmed position: {Reason}")]
    private partial void LogRoundFailed(string reason);
}
