using Microsoft.Extensions.Logging;
using NpgsqlTypes;
using Shop.Messaging.Relay;
using Shop.Messaging.UnitOfWork;

namespace Shop.Messaging.LogTailing;

/// <summary>Switches from log tailing back to polling, once the log is read.</summary>
internal sealed partial class PollingPreparation(MessagingSettings settings, TimeProvider clock, ILogger<PollingPreparation> logger)
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

        // A relay that is reconnecting is not an active reader at this moment, and would publish rows nevertheless.
        if (state.IsReadable && (state.Active || await session.AnyRelayAsync(ct)))
        {
            await WaitUntilReadAsync(session, state.Slot, ct);
        }

        // Dropping the trigger waits for transactions that write to the log; later ones insert rows. The slot stays until a relay has read it.
        await Migration.RetryOnLockTimeoutAsync(token => session.AlterAsync(LogSlot.DropTrigger, token), logger, clock, ct);
        LogSwitched(state.Slot);
    }

    /// <summary>Waits until the log is read up to now: rows must not overtake events in the log.</summary>
    private async Task WaitUntilReadAsync(LogSession session, string slot, CancellationToken ct)
    {
        var now = await session.HeartbeatAsync(ct);
        var giveUpAt = clock.GetUtcNow() + settings.SwitchTimeout;
        while (NpgsqlLogSequenceNumber.Parse((await session.StateAsync(ct)).Confirmed) < now)
        {
            if (clock.GetUtcNow() > giveUpAt)
            {
                throw new InvalidOperationException($"Slot {slot} still has unpublished events after {settings.SwitchTimeout}. Rows would "
                    + "overtake them, so events still go to the log. Check that the broker is reachable, and run migrate again.");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), clock, ct);
        }
    }

    [LoggerMessage(LogLevel.Information, "Switched to polling: events are stored as rows; a relay publishes the rest of slot {Slot} and drops it")]
    private partial void LogSwitched(string slot);
}

/// <summary>Switches to log tailing: events go to the database's log instead of the table.</summary>
internal sealed partial class LogTailingPreparation(MessagingSettings settings, TimeProvider clock, ILogger<LogTailingPreparation> logger)
    : IRelayPreparation
{
    public async Task PrepareAsync(CancellationToken ct)
    {
        await using var session = await LogSession.OpenAsync(settings, ct);
        while (!await session.TryLockSetupAsync(ct))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(100), clock, ct); // a relay is dropping an old slot
        }

        var state = await session.StateAsync(ct);
        if (state.IsLost)
        {
            // Starting over automatically would hide the loss of events.
            LogLost(state.LostMessage);
            return;
        }

        if (state.UnmetRequirement is { } requirement)
        {
            LogFallsBack(requirement);
            return;
        }

        await session.ExecuteAsync(LogSlot.CreateFunction, ct);
        if (state.HasTrigger)
        {
            return;
        }

        // The slot before the trigger: every event in the log is after the slot's start. Creating the trigger waits for
        // transactions that insert rows: their events are all older than those in the log.
        await session.CreateSlotAsync(state, ct);
        await Migration.RetryOnLockTimeoutAsync(token => session.AlterAsync(LogSlot.CreateTrigger(state.Slot), token), logger, clock, ct);
        LogSetUp(state.Slot);
    }

    [LoggerMessage(LogLevel.Information, "Switched to log tailing: events go to the log and are read through slot {Slot}")]
    private partial void LogSetUp(string slot);

    [LoggerMessage(LogLevel.Warning, "Log tailing not set up; events are stored as rows and polled: {Reason}")]
    private partial void LogFallsBack(string reason);

    [LoggerMessage(LogLevel.Critical, "{WhatAndWhatToDo}")]
    private partial void LogLost(string whatAndWhatToDo);
}
