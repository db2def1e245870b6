using Microsoft.Extensions.Logging;
using Shop.Messaging.Relay;

namespace Shop.Messaging.LogTailing;

/// <summary>
/// The service's own database. After a switch to polling the log holds older events than the table: the table waits until the log is
/// read, as long as somebody reads it.
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
                    LogDoesNotWait(state.Slot);
                    break;
                }

                await Task.Delay(settings.PollInterval, clock, ct);
            }
        }

        return await _store.OpenAsync(ct);
    }

    [LoggerMessage(LogLevel.Warning, "Nobody reads slot {Slot}, so the table does not wait for what is in the log: events may be sent out of order")]
    private partial void LogDoesNotWait(string slot);
}
