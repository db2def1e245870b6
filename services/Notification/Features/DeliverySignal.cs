using System.Data.Common;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Signal = System.Threading.Channels.Channel<bool>;

namespace Shop.Notification.Features;

/// <summary>
/// Wakes the delivery workers of this process after every commit. Signals are coalesced; lost ones, and commits of other processes,
/// are found by the worker's poll.
/// </summary>
internal sealed class DeliverySignal : DbTransactionInterceptor
{
    private readonly Dictionary<string, Signal> _signals = new(StringComparer.Ordinal)
    {
        [Channels.Email] = NewSignal(),
        [Channels.Webhook] = NewSignal(),
    };

    public void Set()
    {
        foreach (var channel in _signals.Values)
        {
            channel.Writer.TryWrite(true);
        }
    }

    public override Task TransactionCommittedAsync(
        DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        Set();
        return Task.CompletedTask;
    }

    /// <summary>Waits for a signal or the timeout, whichever comes first.</summary>
    public async Task WaitAsync(string channel, TimeSpan atMost, CancellationToken ct)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(ct);
        timeout.CancelAfter(atMost);
        try
        {
            await _signals[channel].Reader.ReadAsync(timeout.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            // Time to poll.
        }
    }

    private static Signal NewSignal() => System.Threading.Channels.Channel.CreateBounded<bool>(
        new System.Threading.Channels.BoundedChannelOptions(1) { FullMode = System.Threading.Channels.BoundedChannelFullMode.DropWrite });
}
