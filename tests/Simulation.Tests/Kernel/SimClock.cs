namespace Shop.Simulation.Tests.Kernel;

/// <summary>
/// The virtual clock as one process sees it: its wall clock may be wrong and may be set forward and back, its timestamps advance
/// steadily, and its timers fire only while it runs.
/// </summary>
internal sealed class SimClock(World world, SimProcess process) : TimeProvider
{
    private static readonly DateTimeOffset s_start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>How much the wall clock is wrong.</summary>
    public TimeSpan Skew { get; set; }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => s_start + world.Now + Skew;

    public override long GetTimestamp() => world.Now.Ticks;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(world, process, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class Timer(World world, SimProcess process, TimerCallback callback, object? state) : ITimer
    {
        private int _version;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            var version = ++_version;
            if (dueTime != Timeout.InfiniteTimeSpan)
            {
                world.After(dueTime, () => Fire(version, period));
            }

            return true;
        }

        public void Dispose() => _version++;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }

        private void Fire(int version, TimeSpan period)
        {
            if (version != _version || process.IsDead)
            {
                return;
            }

            if (process.IsPaused)
            {
                world.After(process.PausedUntil - world.Now, () => Fire(version, period));
                return;
            }

            callback(state);
            if (period != Timeout.InfiniteTimeSpan && version == _version)
            {
                world.After(period, () => Fire(version, period));
            }
        }
    }
}
