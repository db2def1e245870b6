using System.Text.Json.Nodes;

namespace Shop.Cli.Contracts;

/// <summary>Who consumes what, as the broker's committed definitions bind it, which are derived from the services' consumers.</summary>
internal sealed class EventConsumers
{
    private readonly ILookup<string, string> _queues;
    private readonly HashSet<string> _takesAll;

    private EventConsumers(ILookup<string, string> queues)
    {
        _queues = queues;
        _takesAll = [.. queues.SelectMany(queue => queue).GroupBy(queue => queue).Where(queue => queue.Count() == queues.Count).Select(queue => queue.Key)];
    }

    /// <summary>The queues that receive an event.</summary>
    public IReadOnlyList<string> Of(string name) => [.. _queues[name].Order(StringComparer.Ordinal)];

    /// <summary>The queues whose consumer subscribes to this event, and not to all events.</summary>
    public IReadOnlyList<string> ByName(string name) => [.. Of(name).Where(queue => !_takesAll.Contains(queue))];

    /// <summary>From the broker's definitions.</summary>
    /// <param name="definitions">The broker's; null for no consumers.</param>
    /// <param name="events">All events, known by their schemas.</param>
    public static EventConsumers From(JsonObject? definitions, IEnumerable<string> events)
    {
        HashSet<string> names = [.. events];
        return new((definitions?["bindings"]?.AsArray() ?? []).Select(binding => (Event: (string)binding!["source"]!, Queue: (string)binding["destination"]!))
            .Where(binding => names.Contains(binding.Event)).ToLookup(binding => binding.Event, binding => binding.Queue));
    }
}
