using Microsoft.Extensions.Logging;
using Shop.Messaging.Relay;

namespace Shop.Messaging.LogTailing;

/// <summary>
/// The relay's store after a switch to polling: the log holds older events than the table, so polling waits until the log is
/// read, while a relay reads it.
/// </summary>
internal sealed partial class RelayStoreBehindLog(MessagingSettings settings, TimeProvider clock, ILogger<RelayStoreBehindLog> logger)
    : IRelayStore
{
    private readonly RelayStore _store = new(settings);

    public async Task<IRelaySession> OpenAsync(CancellationToken ct)
    {
        var giveUpAt = clock.GetUtcNow() + settings.RelayLease;
        await using (var session = await LogSession.OpenAsync(settings, ct))
        {
            while (await session.StateAsync(ct) is { HasTrigger: false, IsReadable: true } state)
            {
                if (!state.Active && clock.GetUtcNow() > giveUpAt)
                {
                    LogNotWaiting(state.Slot);
                    break;
                }

                await Task.Delay(settings.PollInterval, clock, ct);
            }
        }

        return await _store.OpenAsync(ct);
    }

    [LoggerMessage(LogLevel.Warning, "Slot {Slot} has no reader; polling starts before the log is read: events may be published out of order")]
    private partial void LogNotWaiting(string slot);
}
