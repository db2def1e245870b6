using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Shop.Contracts;
using Shop.Messaging;
using Shop.Ordering.Features.AnswerFromInventory;

namespace Shop.Ordering.Tests;

/// <summary>Reads the counter of late events of one instance; others may run in the same process.</summary>
internal sealed class LateEventCount
{
    private readonly Dictionary<(string Event, string Why), long> _counts = [];

    public LateEventCount(IServiceProvider services)
    {
        var meters = services.GetRequiredService<IMeterFactory>();
        var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, _) =>
        {
            if (ReferenceEquals(instrument.Meter.Scope, meters) && instrument.Name == LateEvents.CounterName)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((_, count, tags, _) => Add(count, tags));
        listener.Start();
    }

    /// <summary>How often an event was late, or about an unknown order.</summary>
    public long Of<T>(string why)
        where T : IIntegrationEvent
    {
        lock (_counts)
        {
            return _counts.GetValueOrDefault((ShopEvents.Catalog.NameOf(typeof(T)), why));
        }
    }

    private void Add(long count, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        string? name = null;
        string? why = null;
        foreach (var (key, value) in tags)
        {
            name = key == "event" ? (string?)value : name;
            why = key == "why" ? (string?)value : why;
        }

        lock (_counts)
        {
            _counts[(name!, why!)] = _counts.GetValueOrDefault((name!, why!)) + count;
        }
    }
}
