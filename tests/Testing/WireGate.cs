namespace Shop.Testing;

/// <summary>Lets everything through, or holds it and counts the reads that have a method in them.</summary>
internal sealed class WireGate(byte[] method)
{
    private volatile TaskCompletionSource _open = new();
    private volatile bool _closesAtMethod;
    private int _held;
    private int _passed;

    public int Held => Volatile.Read(ref _held);

    public int Passed => Volatile.Read(ref _passed);

    public void Open() => _open.TrySetResult();

    public void Close() => _open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    public void CloseAtMethod() => _closesAtMethod = true;

    /// <summary>Whether the gate is closed, so that this is held and counted by now.</summary>
    public bool Note(ReadOnlySpan<byte> read)
    {
        if (_closesAtMethod && read.IndexOf(method) >= 0)
        {
            _closesAtMethod = false;
            Close();
        }

        return Note(_open, read);
    }

    /// <summary>This was written to the other side.</summary>
    public void NotePassed(ReadOnlySpan<byte> read)
    {
        if (read.IndexOf(method) >= 0)
        {
            Interlocked.Increment(ref _passed);
        }
    }

    /// <summary>Waits until it is open. What was read while it was open may find it closed: that is held as well.</summary>
    public Task PassAsync(byte[] read, bool isNoted, CancellationToken ct)
    {
        var open = _open; // one look, for what is counted must be what waits
        _ = isNoted || Note(open, read);
        return open.Task.WaitAsync(ct);
    }

    private bool Note(TaskCompletionSource open, ReadOnlySpan<byte> read)
    {
        if (open.Task.IsCompleted)
        {
            return false;
        }

        if (read.IndexOf(method) >= 0)
        {
            Interlocked.Increment(ref _held);
        }

        return true;
    }
}
