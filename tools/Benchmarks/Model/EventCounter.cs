using System.Diagnostics.Metrics;
using Shop.Messaging.Telemetry;

namespace Shop.Benchmarks.Model;

/// <summary>Counts published and consumed events by messaging's metrics, in this process, without extra load.</summary>
internal sealed class EventCounter : IDisposable
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromMinutes(30);
    private readonly MeterListener _listener = new();
    private readonly Lock _lock = new();
    private TaskCompletionSource? _reached;
    private long _count;
    private long _target;

    public EventCounter(Counter<long> counter)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (ReferenceEquals(instrument, counter))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((_, measurement, _, _) => Add(measurement));
        _listener.Start();
    }

    public long Count => Interlocked.Read(ref _count);

    public static EventCounter Published() => new(MessagingTelemetry.Published);

    public static EventCounter Consumed() => new(MessagingTelemetry.Consumed);

    public void Reset() => Interlocked.Exchange(ref _count, 0);

    /// <summary>Completes when so many more than at the last reset were counted.</summary>
    public async Task ReachesAsync(long target, CancellationToken ct)
    {
        Task reached;
        lock (_lock)
        {
            _target = target;
            _reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (Count >= target)
            {
                _reached.SetResult();
            }

            reached = _reached.Task;
        }

        await reached.WaitAsync(s_timeout, ct);
    }

    public void Dispose() => _listener.Dispose();

    private void Add(long measurement)
    {
        if (Interlocked.Add(ref _count, measurement) >= Interlocked.Read(ref _target))
        {
            lock (_lock)
            {
                if (Count >= _target)
                {
                    _reached?.TrySetResult();
                }
            }
        }
    }
}
