using System.Text.Json.Nodes;

namespace Shop.Cli.Topology;

/// <summary>
/// Events, each version for itself, that reach no queue. Publishing is mandatory, so the broker returns such an event: its publisher parks
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
        var heard = Items("bindings").Where(binding => queues.Contains((string)binding["destination"]!))
            .Select(binding => (string)binding["source"]!).ToHashSet();
        return [.. events.Where(name => !heard.Contains(name)).Order(StringComparer.Ordinal)];

        IEnumerable<JsonNode> Items(string category) => (definitions[category]?.AsArray() ?? []).Select(item => item!)
            .Where(item => virtualHost is null || item["vhost"] is not { } other || (string)other! == virtualHost);
    }

    /// <summary>One of them, in the words of a finding.</summary>
    public static string Describe(string name) => $"unheard    {name} reaches no queue: its publisher parks it, and what comes after it waits";

    /// <summary>For people.</summary>
    public const string WhatToDo = """

        What is published needs a queue that is bound to it. Let a consumer take it (Analytics takes all there is), or let nobody publish
        it: an old version by Messaging:NoLongerConsumed, and by contracts/retired.txt when its record goes. Then
        ./shop topology > deploy/rabbitmq/definitions.json, and ./shop topology --load: what is parked goes out by itself.
        """;
}
