using System.CommandLine;
using System.Text.Json.Nodes;
using Shop.Cli.Setup;
using Shop.Cli.Topology;
using Shop.Messaging;
using Shop.Operations.Contracts;

namespace Shop.Cli.Contracts;

/// <summary>Checks that the committed schemas match the records, and rejects breaking changes.</summary>
internal static class ContractsCommand
{
    public static Command Create()
    {
        var noBuild = new Option<bool>("--no-build") { Recursive = true, Description = "with what was built last" };
        var command = new Command("contracts", About.Text(
            "check, write or add versions of the events", "The events that services publish, as a public API. docs/contracts.md has the rules. Without a subcommand it checks.")) { noBuild };
        var (check, against) = CreateCheck(noBuild);
        command.Add(check);
        command.Add(against); // without a subcommand it checks
        command.SetAction((parsed, ct) => BuiltAsync(parsed.GetValue(noBuild), () => CheckAsync(parsed.GetValue(against), ct), ct));
        command.Add(CreateWrite(noBuild));
        command.Add(CreateAdd());
        return command;
    }

    private static (Command Check, Option<string?> Against) CreateCheck(Option<bool> noBuild)
    {
        var against = new Option<string?>("--against") { HelpName = "revision", Description = "compares with this commit alone" };
        var check = new Command("check", About.Text("whether a change of an event breaks a consumer", """
            Checks that the committed schemas match the records, and that no event breaks consumers built with the contracts of any earlier
            commit. Shows the member and the consumers that would break, and exits with 1.
            """))
        {
            against,
        };
        check.SetAction((parsed, ct) => BuiltAsync(parsed.GetValue(noBuild), () => CheckAsync(parsed.GetValue(against), ct), ct));
        return (check, against);
    }

    private static Command CreateWrite(Option<bool> noBuild)
    {
        var write = new Command("write", "derive the schemas and docs/events.md");
        write.SetAction(async (parsed, ct) =>
        {
            var exitCode = await BuiltAsync(parsed.GetValue(noBuild), () => WriteAsync(ct), ct);

            // The services' documents have the schemas that were just written.
            return exitCode == 0 && !parsed.GetValue(noBuild) ? await BuiltAsync(noBuild: false, () => WriteAsync(ct), ct) : exitCode;
        });
        return write;
    }

    private static Command CreateAdd()
    {
        var name = new Argument<string>("event") { Description = "such as OrderPlaced" };
        var add = new Command("add", "scaffold the next version of an event beside the current one") { name };
        add.SetAction(parsed => Add(parsed.GetRequiredValue(name)));
        return add;
    }

    private static async Task<int> BuiltAsync(bool noBuild, Func<Task<int>> thenAsync, CancellationToken ct)
    {
        if (!noBuild)
        {
            await Build.EnsureAsync(ct);
        }

        return await thenAsync();
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
        var unrouted = EventsWithoutQueue.In(RabbitMqDefinitions.Read(), now.Schemas.Keys);
        unrouted.ToList().ForEach(name => Console.WriteLine(EventsWithoutQueue.Describe(name)));
        Console.WriteLine((breaking, stale.Count, unrouted.Count) switch
        {
            ( > 0, _, _) => Instead(breaking),
            (_, > 0, _) => $"\n{stale.Count} files do not match the code. Write them, review the changes, commit: ./shop contracts write",
            (_, _, > 0) => EventsWithoutQueue.WhatToDo,
            _ => $"{now.Schemas.Count} events have no breaking changes"
                + (revisions.Count == 0 ? "; there is no history to compare with." : $", compared with {string.Join(", ", revisions)}."),
        });
        return breaking + stale.Count + unrouted.Count == 0 ? 0 : 1;
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

            It is a copy so far, which compiles. Next steps (docs/contracts.md):

              1. Change the record, and the step up and down. Make the examples messages of the new version. Let Analytics' projections
                 read the new version: they receive each event in its newest version.
              2. ./shop contracts write, and ./shop topology > deploy/rabbitmq/definitions.json: the new version has an exchange.
              3. Let the publisher's PublishedEvents return the new version; the old one is published beside it automatically.
              4. Let consumers handle the new version, with [AlsoSubscribesTo] of the old one for as long as a publisher publishes only that.
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
                var consumers = before.Consumers.Of(change.Event);
                Console.WriteLine($"           It would break {(consumers.Count == 0 ? "no consumer in this repository" : string.Join(", ", consumers))}.");
            }
        }

        return breaking;
    }

    private static string Instead(int breaking) => $"""

        {breaking} breaking changes. Leave the version as it is and add another beside it:

            ./shop contracts add <Event>        such as: ./shop contracts add OrderPlaced

        docs/contracts.md describes how to roll out the new version and retire the old one.
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
        var page = KeyValuePair.Create(Catalogue.Page, await Catalogue.DeriveAsync(now.Schemas, ct));
        return new SortedDictionary<string, string>(schemas.Append(page).ToDictionary(), StringComparer.Ordinal);
    }
}
