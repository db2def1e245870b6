namespace Shop.Messaging.Relay;

/// <summary>
/// The batch size of the relay. After the connection was lost with events in flight it starts over with a
/// single event and doubles, so that an event that breaks the connection is soon published alone, and identified.
/// </summary>
internal sealed class SlowStart
{
    private readonly int _most;
    private long _suspect;
    private int _losses;

    public SlowStart(int most) => Size = _most = most;

    public int Size { get; private set; }

    public void RecordSuccess() => Size = Math.Min(_most, Size * 2);

    /// <summary>Records a lost connection; true if a single event has now broken it this many times in a row.</summary>
    public bool RecordLoss(IReadOnlyList<OutboxRow> sent, int losses)
    {
        Size = 1;
        if (sent.Count != 1)
        {
            return false;
        }

        (_suspect, _losses) = (sent[0].Seq, _suspect == sent[0].Seq ? _losses + 1 : 1);
        return _losses >= losses;
    }
}
