using Microsoft.Extensions.Logging;
using NpgsqlTypes;
using Shop.Messaging.Relay;
using Shop.Messaging.UnitOfWork;

namespace Shop.Messaging.LogTailing;

/// <summary>Back from the log: events are rows again once what is in the log is read.</summary>
internal sealed partial class PollingAgain(MessagingSettings settings, TimeProvider clock, ILogger<PollingAgain> logger)
    : IRelayPreparation
{
    public async Task PrepareAsync(CancellationToken ct)
    {
        await using var session = await LogSession.OpenAsync(settings, ct);
        var state = await session.StateAsync(ct);
        if (!state.HasTrigger)
        {
            if (!state.HasSlot)
            {
                await session.ExecuteAsync(LogSlot.DropRest, ct);
            }

            return;
        }

        // A relay between two readings of the log is no reader at this moment, and would send rows all the same.
        if (state.IsReadable && (state.Active || await session.AnyRelayAsync(ct)))
        {
            await WaitUntilReadAsync(session, state.Slot, ct);
        }

        // Waits for the transactions that write into the log: those after it write rows. The slot stays until a relay has read it.
        await Migration.GiveWayAsync(token => session.AlterAsync(LogSlot.DropTrigger, token), logger, clock, ct);
        LogSwitched(state.Slot);
    }

    /// <summary>Rows must not overtake what is still in the log, so there must be as good as nothing in it.</summary>
    private async Task WaitUntilReadAsync(LogSession session, string slot, CancellationToken ct)
    {
        var now = await session.HeartbeatAsync(ct);
        var giveUpAt = clock.GetUtcNow() + settings.SwitchPatience;
        while (NpgsqlLogSequenceNumber.Parse((await session.StateAsync(ct)).Confirmed) < now)
        {
            if (clock.GetUtcNow() > giveUpAt)
            {
                throw new InvalidOperationException($"Slot {slot} still has events that are not sent after {settings.SwitchPatience}. Rows would "
                    + "overtake them, so events still go into the log. See that they are sent (is the broker there?), and run migrate again.");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), clock, ct);
        }
    }

    [LoggerMessage(LogLevel.Information, "Events are stored as rows from now on; a relay sends what is left in slot {Slot} and then removes it")]
    private partial void LogSwitched(string slot);
}

/// <summary>Events go into the database's log in place of a row, and the relay reads the log.</summary>
internal sealed partial class LogTailingPreparation(MessagingSettings settings, TimeProvider clock, ILogger<LogTailingPreparation> logger)
    : IRelayPreparation
{
    public async Task PrepareAsync(CancellationToken ct)
    {
        await using var session = await LogSession.OpenAsync(settings, ct);
        while (!await session.TryLockSetupAsync(ct))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(100), clock, ct); // a relay removes an old slot, which takes a moment
        }

        var state = await session.StateAsync(ct);
        if (state.IsLost)
        {
            // Beginning anew by itself would hide that events are missing.
            LogLost(state.LostMessage);
            return;
        }

        if (state.Hindrance is { } hindrance)
        {
            LogFallsBack(hindrance);
            return;
        }

        await session.ExecuteAsync(LogSlot.CreateFunction, ct);
        if (state.HasTrigger)
        {
            return;
        }

        // The slot before the trigger: every event that goes into the log is after the slot's beginning. The trigger waits for the
        // transactions that write rows: their events are all older than what is in the log.
        await session.CreateSlotAsync(state, ct);
        await Migration.GiveWayAsync(token => session.AlterAsync(LogSlot.CreateTrigger(state.Slot), token), logger, clock, ct);
        LogSetUp(state.Slot);
    }

    [LoggerMessage(LogLevel.Information, "Events go into the log from now on and are read through slot {Slot}")]
    private partial void LogSetUp(string slot);

    [LoggerMessage(LogLevel.Warning, "Log tailing is not set up, and events are stored as rows and polled: {Reason}")]
    private partial void LogFallsBack(string reason);

    [LoggerMessage(LogLevel.Critical, "{WhatAndWhatToDo}")]
    private partial void LogLost(string whatAndWhatToDo);
}
