using System.Threading.Channels;

namespace Shop.Messaging.Outbox;

/// <summary>
/// Wakes the relay of this process. Rings are coalesced; a lost one costs no more than the relay's poll.
/// </summary>
internal sealed class OutboxDoorbell(TimeProvider clock)
{
    private readonly Channel<bool> _rings = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    private int _rangHere;

    /// <summary>Whether commits ring for nothing, because events go into the log and not into the table.</summary>
    public bool Muted { get; set; }

    /// <summary>Something was committed by this process.</summary>
    public void Ring()
    {
        if (Muted)
        {
            return;
        }

        Volatile.Write(ref _rangHere, 1);
        _rings.Writer.TryWrite(true);
    }

    /// <summary>Another process says that it has committed something.</summary>
    public void RingFromOutside() => _rings.Writer.TryWrite(true);

    /// <summary>Whether this process rang since the last call: only then are the others told, or they would wake each other for ever.</summary>
    public bool TakeRangHere() => Interlocked.Exchange(ref _rangHere, 0) == 1;

    /// <summary>Returns when it rings or the time is up, whichever comes first.</summary>
    public async Task WaitAsync(TimeSpan atMost, CancellationToken ct)
    {
        using var time = new CancellationTokenSource(atMost, clock);
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(ct, time.Token);
        try
        {
            await _rings.Reader.ReadAsync(timeout.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            // The poll is the fallback for rings that were lost or came from a process without a relay.
        }
    }
}
