using System.Data.Common;
using System.Threading.Channels;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Shop.Notification.Features.Deliver;

/// <summary>
/// Wakes the delivery worker of this process after every commit. Rings are coalesced; a lost one, or one in another process,
/// costs no more than the worker's poll.
/// </summary>
internal sealed class DeliveryDoorbell : DbTransactionInterceptor
{
    private readonly Channel<bool> _rings = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    public void Ring() => _rings.Writer.TryWrite(true);

    public override Task TransactionCommittedAsync(
        DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        Ring();
        return Task.CompletedTask;
    }

    /// <summary>Returns when it rings or the time is up, whichever comes first.</summary>
    public async Task WaitAsync(TimeSpan atMost, CancellationToken ct)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(ct);
        timeout.CancelAfter(atMost);
        try
        {
            await _rings.Reader.ReadAsync(timeout.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            // Time to look without having been called.
        }
    }
}
