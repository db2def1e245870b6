using System.Text.Json.Nodes;

namespace Shop.Cli.Topology;

/// <summary>
/// Event versions that no queue is bound to. Publishing is mandatory, so the broker returns such an event: its publisher parks
/// it, and later events of the same order or product wait behind it.
/// </summary>
internal static class EventsWithoutQueue
{
    /// <summary>The wire names, in their order.</summary>
    /// <param name="definitions">As they are committed, or as a broker exports them.</param>
    /// <param name="events">The wire names of all that may be published.</param>
    /// <param name="virtualHost">The virtual host of the events; others are left out. Null where the definitions are of one alone.</param>
    public static IReadOnlyList<string> In(JsonObject definitions, IEnumerable<string> events, string? virtualHost = null)
    {
        var queues = Items("queues").Select(queue => (string)queue["name"]!).ToHashSet();
        var routed = Items("bindings").Where(binding => queues.Contains((string)binding["destination"]!))
            .Select(binding => (string)binding["source"]!).ToHashSet();
        return [.. events.Where(name => !routed.Contains(name)).Order(StringComparer.Ordinal)];

        IEnumerable<JsonNode> Items(string category) => (definitions[category]?.AsArray() ?? []).Select(item => item!)
            .Where(item => virtualHost is null || item["vhost"] is not { } other || (string)other! == virtualHost);
    }

    /// <summary>One of them, as a finding.</summary>
    public static string Describe(string name) => $"unrouted   {name} has no queue: its publisher parks it, and later events of its stream wait";

    /// <summary>For people.</summary>
    public const string WhatToDo = """

        A published event needs a bound queue. Let a consumer subscribe to it (Analytics subscribes to all), or stop publishing
        it: an old version by Messaging:RetiredVersions, and by contracts/retired.txt when its record is removed. Then
        ./shop topology > deploy/rabbitmq/definitions.json, and ./shop topology --load: parked events are then published automatically.
        """;
}
