using System.Text.Json.Nodes;
using Shop.Cli.Topology;
using Shop.Contracts;

namespace Shop.Cli.Contracts;

/// <summary>Keeps the committed schemas equal to the records, and refuses changes that would break who has the contracts as they were.</summary>
internal static class ContractsCommand
{
    public static Command Command { get; } = new(
        "contracts",
        "contracts [check [--against REVISION] | write | add <Event>]",
        "Compares the events with how they were committed, writes their schemas, or adds a version of one.",
        RunAsync);

    private static async Task<int> RunAsync(Arguments arguments, CancellationToken ct)
    {
        var what = arguments.Optional() ?? "check";
        try
        {
            switch (what)
            {
                case "check":
                    var against = arguments.Option("--against");
                    arguments.End();
                    return await CheckAsync(against, ct);
                case "write":
                    arguments.End();
                    return await WriteAsync(ct);
                case "add":
                    var name = arguments.Required("The event, such as OrderPlaced,");
                    arguments.End();
                    return Add(name);
                default:
                    throw new UsageException($"contracts does not know '{what}'.");
            }
        }
        catch (Exception e) when (e is InvalidOperationException or IOException)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return 1;
        }
    }

    private static async Task<int> CheckAsync(string? against, CancellationToken ct)
    {
        var committed = ContractFiles.Read(ShopHome.Repository);
        var now = committed with { Schemas = SchemaDerivation.All(committed.Examples) };
        var history = new ContractHistory(ShopHome.Repository);
        IReadOnlyList<string> revisions = against is null ? await history.RevisionsAsync(ct) : [against];
        List<ContractChange> changes = [.. Gate.Compare(committed, now)];
        var breaking = Report(changes, committed);
        foreach (var revision in revisions)
        {
            var then = await history.AtAsync(revision, ct);

            // What was added long ago is no news.
            var since = Gate.Compare(then, now).Except(changes)
                .Where(change => change.Verdict == Verdict.Breaking || revision == revisions[0]).ToList();
            changes.AddRange(since);
            breaking += Report(since, then, $" (since {revision})");
        }

        var stale = breaking > 0 ? [] : await StaleAsync(await DerivedAsync(now, ct), ct);
        stale.ToList().ForEach(path => Console.WriteLine($"stale      {path}"));
        var unheard = EventsWithoutQueue.In(RabbitMqDefinitions.Read(), now.Schemas.Keys);
        unheard.ToList().ForEach(name => Console.WriteLine(EventsWithoutQueue.Describe(name)));
        Console.WriteLine((breaking, stale.Count, unheard.Count) switch
        {
            ( > 0, _, _) => Instead(breaking),
            (_, > 0, _) => $"\n{stale.Count} files are not what the code says. Write them, look at what changed, commit: ./shop contracts write",
            (_, _, > 0) => EventsWithoutQueue.WhatToDo,
            _ => $"{now.Schemas.Count} events keep what they promised"
                + (revisions.Count == 0 ? "; there is no history to compare with." : $", compared with {string.Join(", ", revisions)}."),
        });
        return breaking + stale.Count + unheard.Count == 0 ? 0 : 1;
    }

    private static async Task<int> WriteAsync(CancellationToken ct)
    {
        var committed = ContractFiles.Read(ShopHome.Repository);
        var now = committed with { Schemas = SchemaDerivation.All(committed.Examples) };
        var breaking = Report(Gate.Compare(committed, now), committed);
        var derived = await DerivedAsync(now, ct);
        foreach (var path in await StaleAsync(derived, ct))
        {
            var file = Path.Combine(ShopHome.Repository, path);
            if (derived.TryGetValue(path, out var text))
            {
                Directory.CreateDirectory(Path.GetDirectoryName(file)!);
                await File.WriteAllTextAsync(file, text, ct);
                Console.WriteLine($"written    {path}");
            }
            else
            {
                File.Delete(file);
                Console.WriteLine($"deleted    {path}");
            }
        }

        if (breaking > 0)
        {
            Console.WriteLine(Instead(breaking));
        }

        return breaking == 0 ? 0 : 1;
    }

    private static int Add(string name)
    {
        foreach (var path in new EventScaffold(ShopHome.Repository).Add(name))
        {
            Console.WriteLine($"written    {path}");
        }

        Console.WriteLine("""

            It is a copy so far, which compiles. Now, as docs/contracts.md says:

              1. Change the record, and the step up and down. Make the examples messages of the new version. Let Analytics' projections
                 read the new version: they are given each fact in its newest.
              2. ./shop contracts write, and ./shop topology > deploy/rabbitmq/definitions.json: the new version has an exchange.
              3. Let the publisher's PublishedEvents return the new version; the old one is published beside it by itself.
              4. Let consumers take the new version, with [AlsoTakes] of the old one for as long as a publisher tells only that.
            """);
        return 0;
    }

    /// <summary>Prints the differences; returns how many of them are breaking.</summary>
    private static int Report(IEnumerable<ContractChange> changes, ContractFiles before, string since = "")
    {
        var breaking = 0;
        foreach (var change in changes)
        {
            Console.WriteLine($"{change.Verdict.ToString().ToLowerInvariant(),-9}  {$"{change.Event} {change.Member}".TrimEnd()} {change.What}.{since}");
            if (change.Verdict == Verdict.Breaking)
            {
                breaking++;
                var takers = before.Consumers.Of(change.Event);
                Console.WriteLine($"           It would break {(takers.Count == 0 ? "nobody in this repository" : string.Join(", ", takers))}.");
            }
        }

        return breaking;
    }

    private static string Instead(int breaking) => $"""

        {breaking} breaking changes. Leave the version as it is and add another beside it:

            ./shop contracts add <Event>        such as: ./shop contracts add OrderPlaced

        docs/contracts.md says how the new version goes out and the old one goes away.
        """;

    private static async Task<IReadOnlyList<string>> StaleAsync(IReadOnlyDictionary<string, string> derived, CancellationToken ct)
    {
        List<string> stale = [];
        foreach (var (path, text) in derived)
        {
            var file = Path.Combine(ShopHome.Repository, path);
            if (!File.Exists(file) || await File.ReadAllTextAsync(file, ct) != text)
            {
                stale.Add(path);
            }
        }

        var folder = Path.Combine(ShopHome.Repository, ContractFiles.SchemaFolder);
        stale.AddRange(Directory.Exists(folder)
            ? Directory.EnumerateFiles(folder, "*.json").Select(file => ContractFiles.SchemaFolder + Path.GetFileName(file)).Except(derived.Keys)
            : []);
        return stale;
    }

    /// <summary>The files that are derived from the code, by path.</summary>
    private static async Task<IReadOnlyDictionary<string, string>> DerivedAsync(ContractFiles now, CancellationToken ct)
    {
        var schemas = now.Schemas.Select(schema => KeyValuePair.Create(ContractFiles.SchemaPath(schema.Key), ContractFiles.Text(schema.Value)));
        return new SortedDictionary<string, string>(schemas.Concat(await Catalogue.DeriveAsync(now.Schemas, ct)).ToDictionary(), StringComparer.Ordinal);
    }
}
