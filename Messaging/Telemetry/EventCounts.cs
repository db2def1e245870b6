using System.Collections.Concurrent;

namespace Shop.Messaging.Telemetry;

/// <summary>How many events of a type went through, since the counts were taken last.</summary>
/// <param name="Type">The wire name, with its version.</param>
/// <param name="Queue">The consumer's queue; empty for published events.</param>
internal readonly record struct CountedEvent(string Type, string Queue);

/// <summary>Counts events by type. Bounded: types and queues are those of the code.</summary>
internal sealed class EventCounts
{
    private ConcurrentDictionary<CountedEvent, long> _counts = new();

    public void Add(string type, string queue, long count = 1) =>
        _counts.AddOrUpdate(new CountedEvent(type, queue), static (_, added) => added, static (_, before, added) => before + added, count);

    /// <summary>Returns the counts and starts over. A count that is added at that moment may be lost.</summary>
    public IReadOnlyDictionary<CountedEvent, long> Take() => Interlocked.Exchange(ref _counts, new ConcurrentDictionary<CountedEvent, long>());
}
