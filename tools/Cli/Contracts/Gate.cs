using System.Text.Json.Nodes;

namespace Shop.Cli.Contracts;

/// <summary>Decides what a set of contracts is to those who have an earlier one.</summary>
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
                changes.Add(Gone(name, schema, before, now));
            }
        }

        changes.AddRange(now.Schemas.Keys.Except(before.Schemas.Keys).Order(StringComparer.Ordinal)
            .Select(name => new ContractChange(name, "", Verdict.Additive, "is new")));
        changes.AddRange(before.Examples
            .Where(example => now.Schemas.ContainsKey(EventOf(example.Key)) && now.Examples.GetValueOrDefault(example.Key) != example.Value)
            .Select(example => new ContractChange(EventOf(example.Key), "", Verdict.Breaking,
                $"had {example.Key} recorded, which is gone or altered: what was sent is sent. Record another message beside it")));
        return changes;
    }

    private static ContractChange Gone(string name, JsonObject schema, ContractFiles before, ContractFiles now)
    {
        if (now.Retired.Contains(name))
        {
            return now.Consumers.ByName(name) is { Count: > 0 } takers
                ? new(name, "", Verdict.Breaking, $"is retired, and still taken by {string.Join(", ", takers)}")
                : new(name, "", Verdict.Additive, $"is gone: {ContractFiles.RetiredFile} says that nobody takes it any more");
        }

        var renamed = now.Schemas.Keys.Except(before.Schemas.Keys).FirstOrDefault(other => SchemaComparison.SameButForWords(schema, now.Schemas[other]));
        return new(name, "", Verdict.Breaking, renamed is null
            ? "is gone: its consumers wait for ever, and what still comes of it is a dead letter"
            : $"is called {renamed} on the wire now: its consumers are bound to the old name and hear nothing");
    }

    private static string EventOf(string example) => example.Split('/')[0];
}
