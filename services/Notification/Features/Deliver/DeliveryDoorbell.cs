using System.Data.Common;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Bell = System.Threading.Channels.Channel<bool>;

namespace Shop.Notification.Features.Deliver;

/// <summary>
/// Wakes the delivery workers of this process after every commit. Rings are coalesced; a lost one, or one in another process,
/// costs no more than the worker's poll.
/// </summary>
internal sealed class DeliveryDoorbell : DbTransactionInterceptor
{
    private readonly Dictionary<string, Bell> _bells = new(StringComparer.Ordinal)
    {
        [Channels.Email] = NewBell(),
        [Channels.Webhook] = NewBell(),
    };

    public void Ring()
    {
        foreach (var bell in _bells.Values)
        {
            bell.Writer.TryWrite(true);
        }
    }

    public override Task TransactionCommittedAsync(
        DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        Ring();
        return Task.CompletedTask;
    }

    /// <summary>Returns when it rings or the time is up, whichever comes first.</summary>
    public async Task WaitAsync(string channel, TimeSpan atMost, CancellationToken ct)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(ct);
        timeout.CancelAfter(atMost);
        try
        {
            await _bells[channel].Reader.ReadAsync(timeout.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            // Time to look without having been called.
        }
    }

    private static Bell NewBell() => System.Threading.Channels.Channel.CreateBounded<bool>(
        new System.Threading.Channels.BoundedChannelOptions(1) { FullMode = System.Threading.Channels.BoundedChannelFullMode.DropWrite });
}
