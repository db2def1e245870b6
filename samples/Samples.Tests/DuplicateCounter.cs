using System.Diagnostics.Metrics;

namespace Samples.Tests;

/// <summary>Counts the duplicates that a service's consumers acknowledged without effect.</summary>
internal sealed class DuplicateCounter : IDisposable
{
    private readonly MeterListener _meter = new();
    private long _count;

    /// <param name="queues">What the names of the service's queues begin with.</param>
    public DuplicateCounter(string queues)
    {
        _meter.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == "Shop.Messaging" && instrument.Name.EndsWith("inbox.deduplicated", StringComparison.Ordinal))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _meter.SetMeasurementEventCallback<long>((_, count, tags, _) =>
        {
            foreach (var tag in tags)
            {
                if (tag is { Key: "consumer", Value: string queue } && queue.StartsWith(queues, StringComparison.Ordinal))
                {
                    Interlocked.Add(ref _count, count);
                }
            }
        });
        _meter.Start();
    }

    public long Count => Interlocked.Read(ref _count);

    public void Dispose() => _meter.Dispose();
}
