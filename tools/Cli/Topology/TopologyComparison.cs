using System.Text.Json.Nodes;

namespace Shop.Cli.Topology;

/// <summary>A difference between a broker and the definitions.</summary>
/// <param name="Kind"><c>missing</c>, <c>extra</c> or <c>different</c>.</param>
/// <param name="What">What it is about, with both values where they differ.</param>
internal sealed record TopologyFinding(string Kind, string What);

/// <summary>Compares the definitions that a broker exports with those that it should have, in the virtual host of the latter.</summary>
internal static class TopologyComparison
{
    private static readonly (string Name, string One, Func<JsonNode, string> Key)[] s_categories =
    [
        ("users", "user", item => (string)item["name"]!),
        ("permissions", "permission of", item => (string)item["user"]!),
        ("policies", "policy", item => (string)item["name"]!),
        ("exchanges", "exchange", item => (string)item["name"]!),
        ("queues", "queue", item => (string)item["name"]!),
        ("bindings", "binding", item => $"{item["source"]} -> {item["destination"]}" + Suffix((string)item["routing_key"]!)),
    ];

    // A password is no matter of the topology, versions of RabbitMQ write no tags in two ways, and what is of another virtual host is
    // left out before.
    private static readonly string[] s_notCompared = ["password_hash", "hashing_algorithm", "tags", "vhost"];

    public static IReadOnlyList<TopologyFinding> Compare(JsonObject should, JsonObject broker)
    {
        List<TopologyFinding> findings = [];
        var vhosts = should["vhosts"]!.AsArray().Select(vhost => (string)vhost!["name"]!).ToHashSet();
        var administrators = (broker["users"]?.AsArray() ?? []).Where(user => user!["tags"]!.ToString().Contains("administrator", StringComparison.Ordinal))
            .Select(user => (string)user!["name"]!).ToHashSet();
        foreach (var (name, one, key) in s_categories)
        {
            var wanted = Items(should, name).ToDictionary(key);
            var found = Items(broker, name).ToDictionary(key);
            findings.AddRange(wanted.Keys.Except(found.Keys).Select(item => new TopologyFinding("missing", $"{one} {item}")));
            findings.AddRange(found.Keys.Except(wanted.Keys).Select(item => new TopologyFinding("extra", $"{one} {item}")));
            findings.AddRange(wanted.Keys.Intersect(found.Keys)
                .SelectMany(item => Differences($"{one} {item}", wanted[item].AsObject(), found[item].AsObject())));
        }

        return findings;

        IEnumerable<JsonNode> Items(JsonObject definitions, string category) =>
            (definitions[category]?.AsArray() ?? []).Select(item => item!)
                .Where(item => item["vhost"] is not { } vhost || vhosts.Contains((string)vhost!))
                .Where(item => !administrators.Contains((string?)item[category == "users" ? "name" : "user"] ?? ""));
    }

    private static IEnumerable<TopologyFinding> Differences(string what, JsonObject wanted, JsonObject found) =>
        from member in wanted
        where !s_notCompared.Contains(member.Key)
        from difference in member.Value is JsonObject wantedMembers && found[member.Key] is JsonObject foundMembers
            ? wantedMembers.Select(inner => inner.Key).Union(foundMembers.Select(inner => inner.Key))
                .Select(name => (Name: name, Wanted: wantedMembers[name], Found: foundMembers[name]))
            : [(Name: member.Key, Wanted: member.Value, Found: found[member.Key])]
        where !JsonNode.DeepEquals(difference.Wanted, difference.Found)
        select new TopologyFinding("different",
            $"{what}: {difference.Name} is {Text(difference.Found)}, should be {Text(difference.Wanted)}");

    private static string Text(JsonNode? value) => value?.ToJsonString() ?? "not set";

    private static string Suffix(string routingKey) => routingKey.Length > 0 ? $" ({routingKey})" : "";
}
