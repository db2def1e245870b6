namespace Shop.Simulation.Tests.Kernel;

/// <summary>
/// One simulated world: a virtual clock and everything that is about to happen, run by one thread. What happens next is the
/// earliest; among what is due at the same moment the seed decides.
/// </summary>
internal sealed class World(ulong seed, bool tracing)
{
    private readonly PriorityQueue<Work, ulong> _due = new();
    private readonly int _thread = Environment.CurrentManagedThreadId;

    public SimRandom Random { get; } = new(seed);

    public TimeSpan Now { get; private set; }

    public int Steps { get; private set; }

    /// <summary>A number that differs, almost surely, between runs that did not go the same way.</summary>
    public ulong Fingerprint { get; private set; }

    public Trace? Trace { get; } = tracing ? new Trace() : null;

    /// <summary>The first rule that was broken; null as long as all hold.</summary>
    public string? Failure { get; private set; }

    /// <summary>Called before a process continues after an await: whether it crashes instead.</summary>
    public Func<bool> CrashesNow { get; set; } = () => false;

    public void Fail(string what)
    {
        Trace?.Write(Now, $"BROKEN: {what}");
        Failure ??= what;
    }

    /// <summary>Lets something happen outside of every process: in a server, or on the network.</summary>
    public void After(TimeSpan delay, Action action) => Add(new Work(null, state => ((Action)state!)(), action), Now + delay);

    /// <summary>Continues a process, unless it is dead or paused by then.</summary>
    public void Post(SimProcess process, SendOrPostCallback callback, object? state) => Add(new Work(process, callback, state), Now);

    /// <summary>Runs until nothing is left to do, the time is up, or a rule is broken.</summary>
    public void RunUntil(TimeSpan end, Func<bool>? done = null)
    {
        var look = Now;
        while (Failure is null && _due.TryPeek(out _, out var key) && TimeOf(key) <= end)
        {
            if (done is not null && Now >= look)
            {
                if (done())
                {
                    return;
                }

                look = Now + TimeSpan.FromMilliseconds(200);
            }

            Step();
        }

        Now = Failure is null && done is null && end > Now ? end : Now;
    }

    private static TimeSpan TimeOf(ulong key) => TimeSpan.FromTicks((long)(key >> 16) * 10);

    private void Add(in Work work, TimeSpan at)
    {
        if (Environment.CurrentManagedThreadId != _thread)
        {
            Failure = "Something left the simulation's thread, so the run cannot be repeated: " + Environment.StackTrace;
            return;
        }

        // Microseconds in the high bits, random low bits: the order of simultaneous events.
        _due.Enqueue(work, ((ulong)((at.Ticks + 9) / 10) << 16) | (Random.Next() & 0xFFFF));
    }

    private void Step()
    {
        if (++Steps > 400_000)
        {
            Fail("It never comes to rest: 400,000 steps.");
            return;
        }

        _due.TryDequeue(out var work, out var key);
        Now = TimeOf(key) > Now ? TimeOf(key) : Now;
        Fingerprint = ((Fingerprint << 5) | (Fingerprint >> 59)) ^ (key * 0x9E3779B97F4A7C15);
        if (work.Process is not { } process)
        {
            work.Callback(work.State);
            return;
        }

        if (process.IsPaused)
        {
            Add(work, process.PausedUntil);
        }
        else if (!process.IsDead)
        {
            if (CrashesNow())
            {
                process.Kill();
                return;
            }

            SynchronizationContext.SetSynchronizationContext(process);
            try
            {
                work.Callback(work.State);
            }
            finally
            {
                SynchronizationContext.SetSynchronizationContext(null);
            }
        }
    }

    private readonly record struct Work(SimProcess? Process, SendOrPostCallback Callback, object? State);
}

/// <summary>What happened, for a person to read.</summary>
internal sealed class Trace
{
    private readonly List<string> _lines = [];

    public IReadOnlyList<string> Lines => _lines;

    public void Write(TimeSpan at, string what) => _lines.Add($"{at.TotalMilliseconds,11:0.000} ms  {what}");
}
