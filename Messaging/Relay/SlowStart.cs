namespace Shop.Messaging.Relay;

/// <summary>
/// Says how many events to send at once. After the broker's connection was lost with events on their way it begins again with a
/// single one and doubles, so that an event that costs the connection each time is soon alone, and is known by that.
/// </summary>
internal sealed class SlowStart
{
    private readonly int _most;
    private long _suspect;
    private int _losses;

    public SlowStart(int most) => Size = _most = most;

    public int Size { get; private set; }

    public void Succeeded() => Size = Math.Min(_most, Size * 2);

    /// <summary>Whether what was sent is to blame: it was a single event, and cost the connection this many times in a row.</summary>
    public bool Blames(IReadOnlyList<OutboxRow> sent, int losses)
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
