using System.Threading.Channels;

namespace Shop.Messaging.Outbox;

/// <summary>
/// Wakes the relay of this process. Signals are coalesced; a lost one is made up for by the relay's poll.
/// </summary>
internal sealed class OutboxSignal(TimeProvider clock)
{
    private readonly Channel<bool> _signals = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    private int _setHere;

    /// <summary>Whether commits need not wake the relay, because events go to the log and not to the table.</summary>
    public bool Suppressed { get; set; }

    /// <summary>This process has committed events.</summary>
    public void Set()
    {
        if (Suppressed)
        {
            return;
        }

        Volatile.Write(ref _setHere, 1);
        _signals.Writer.TryWrite(true);
    }

    /// <summary>Another process has committed events.</summary>
    public void SetByOtherProcess() => _signals.Writer.TryWrite(true);

    /// <summary>Resets the local signal; true if this process committed events since the last call. Only then other processes are notified, or they would wake each other endlessly.</summary>
    public bool TryTakeLocal() => Interlocked.Exchange(ref _setHere, 0) == 1;

    /// <summary>Waits for a signal or the timeout, whichever comes first.</summary>
    public async Task WaitAsync(TimeSpan atMost, CancellationToken ct)
    {
        using var time = new CancellationTokenSource(atMost, clock);
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(ct, time.Token);
        try
        {
            await _signals.Reader.ReadAsync(timeout.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            // Polling is the fallback for lost signals and for processes without a relay.
        }
    }
}
