using System.Text.Json.Nodes;
using Shop.Operations.Contracts;

namespace Shop.Cli.Contracts;

/// <summary>Compares the contracts with an earlier state.</summary>
internal static class Gate
{
    /// <summary>All differences, event by event.</summary>
    /// <param name="before">The contracts as they were.</param>
    /// <param name="now">The contracts as they are.</param>
    public static IReadOnlyList<ContractChange> Compare(ContractFiles before, ContractFiles now)
    {
        List<ContractChange> changes = [];
        foreach (var (name, schema) in before.Schemas.OrderBy(schema => schema.Key, StringComparer.Ordinal))
        {
            if (now.Schemas.TryGetValue(name, out var today))
            {
                changes.AddRange(SchemaComparison.Compare(name, schema, today));
            }
            else
            {
                changes.Add(Removed(name, schema, before, now));
            }
        }

        changes.AddRange(now.Schemas.Keys.Except(before.Schemas.Keys).Order(StringComparer.Ordinal)
            .Select(name => new ContractChange(name, "", Verdict.Additive, "is new")));
        changes.AddRange(before.Examples
            .Where(example => now.Schemas.ContainsKey(EventOf(example.Key)) && now.Examples.GetValueOrDefault(example.Key) != example.Value)
            .Select(example => new ContractChange(EventOf(example.Key), "", Verdict.Breaking,
                $"had the recorded message {example.Key}, which was removed or changed. Published messages cannot change: record another one beside it")));
        return changes;
    }

    private static ContractChange Removed(string name, JsonObject schema, ContractFiles before, ContractFiles now)
    {
        if (now.Retired.Contains(name))
        {
            return now.Consumers.ByName(name) is { Count: > 0 } consumers
                ? new(name, "", Verdict.Breaking, $"is retired, but still consumed by {string.Join(", ", consumers)}")
                : new(name, "", Verdict.Additive, $"was removed: it is listed in {ContractFiles.RetiredFile}");
        }

        var renamed = now.Schemas.Keys.Except(before.Schemas.Keys).FirstOrDefault(other => SchemaComparison.EqualIgnoringDescriptions(schema, now.Schemas[other]));
        return new(name, "", Verdict.Breaking, renamed is null
            ? "was removed: its consumers receive nothing, and messages in flight are dead-lettered"
            : $"was renamed to {renamed} on the wire: its consumers are bound to the old name and receive nothing");
    }

    private static string EventOf(string example) => example.Split('/')[0];
}
