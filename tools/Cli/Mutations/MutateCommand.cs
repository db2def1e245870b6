using System.CommandLine;
using Shop.Cli.Setup;

namespace Shop.Cli.Mutations;

/// <summary>Applies each mutation of the list to the code, and checks that its test fails.</summary>
internal static class MutateCommand
{
    public static Command Create()
    {
        var names = new Argument<string[]>("name") { Arity = ArgumentArity.ZeroOrMore, Description = $"only these of {Mutation.List}" };
        var list = new Option<bool>("--list") { Description = "show the mutations and check that they fit the code and their tests exist; run none" };
        var generated = new Option<bool>("--generated")
        {
            Description = "restore dotnet-stryker and have it mutate what needs no server, some 20 minutes; exits with 1 below 85 % killed",
        };
        var command = new Command("mutate", About.Text("break the code on purpose, and see the tests fail", $"""
            Copies the last commit, and applies the mutations of {Mutation.List} to it one after the other. For each, the test that
            is named with it must fail; without any, all of them must pass. A minute for each on two cores. Exits with 1 if a test passed
            although the code is broken.
            """))
        {
            names, list, generated,
        };
        command.SetAction(async (parsed, ct) =>
        {
            if (parsed.GetValue(generated))
            {
                return await GeneratedMutations.RunAsync();
            }

            var mutations = Chosen(Mutation.Read(Path.Combine(ShopHome.Repository, Mutation.List)), parsed.GetValue(names) ?? []);
            if (!parsed.GetValue(list))
            {
                return await RunAsync(mutations, ct);
            }

            mutations.ToList().ForEach(Check);
            Columns.Write([["mutation", "test", "guarantee"], .. mutations.Select(m => (string[])[m.Name, $"{m.Project} {m.Test}", m.Guarantee])]);
            return 0;
        });
        return command;
    }

    private static IReadOnlyList<Mutation> Chosen(IReadOnlyList<Mutation> all, string[] names)
    {
        var unknown = names.FirstOrDefault(name => all.All(mutation => mutation.Name != name));
        return unknown is null
            ? [.. all.Where(mutation => names.Length == 0 || names.Contains(mutation.Name))]
            : throw new UsageException($"There is no mutation '{unknown}'."
                + (Similar.To(unknown, all.Select(mutation => mutation.Name)) is { } similar ? $" Did you mean '{similar}'?" : ""));
    }

    private static void Check(Mutation mutation)
    {
        mutation.Apply(File.ReadAllText(Path.Combine(ShopHome.Repository, mutation.File)));
        var method = $" {mutation.Test.Split('.')[^1]}(";
        if (!Directory.EnumerateFiles(Path.Combine(ShopHome.Repository, "tests", mutation.Project), "*.cs", SearchOption.AllDirectories)
            .Any(file => File.ReadAllText(file).Contains(method, StringComparison.Ordinal)))
        {
            throw new FailureException($"{mutation.Name}: {mutation.Project} has no test {mutation.Test}. Adapt {Mutation.List}.");
        }
    }

    private static async Task<int> RunAsync(IReadOnlyList<Mutation> mutations, CancellationToken ct)
    {
        await ServerPackages.EnsureAsync(ct);
        var (copy, log) = (ShopHome.Path("mutations"), ShopHome.Path("logs", "mutations.log"));
        Child.BeginLog(log);
        await GitAsync(log, ct, "worktree", "remove", "--force", copy); // of a run that was killed
        if (!await GitAsync(log, ct, "worktree", "add", "--detach", "--force", copy, "HEAD"))
        {
            throw new FailureException($"git made no copy of the last commit. All of the output: {log}");
        }

        try
        {
            var without = new MutationRun(copy, log, new Dictionary<string, string>());
            if (!await Progress.ShowAsync("Building a copy of the last commit", $"some minutes; log: {log}", () => without.BuildAsync("Shop.sln", ct)))
            {
                throw new FailureException($"The copy was not built. All of the output: {log}");
            }

            using var servers = await MutationServers.StartAsync(copy, ct);
            return await RunAsync(new MutationRun(copy, log, servers.Environment), mutations, ct);
        }
        finally
        {
            await GitAsync(log, CancellationToken.None, "worktree", "remove", "--force", copy);
        }
    }

    private static async Task<int> RunAsync(MutationRun run, IReadOnlyList<Mutation> mutations, CancellationToken ct)
    {
        foreach (var project in mutations.GroupBy(mutation => mutation.Project))
        {
            if (!await Progress.ShowAsync($"{project.Key} without a mutation", "must pass", () =>
                run.PassAsync(project.Key, project.Select(mutation => mutation.Test).Distinct(), ct)))
            {
                throw new FailureException($"Tests of {project.Key} fail, or are not there, although the code is as it was committed.");
            }
        }

        var survived = 0;
        foreach (var mutation in mutations)
        {
            var killed = await Progress.ShowAsync(mutation.Name, mutation.Test, () => run.IsKilledAsync(mutation, ct));
            survived += killed ? 0 : 1;
            Console.WriteLine($"{(killed ? "killed  " : "SURVIVED")}  {mutation.Name}: {mutation.Guarantee}");
        }

        Console.WriteLine($"{mutations.Count - survived} killed, {survived} survived");
        return survived == 0 ? 0 : ShopCommandLine.Failed;
    }

    private static async Task<bool> GitAsync(string log, CancellationToken ct, params string[] arguments) =>
        await Child.LogAsync(log, "git", arguments, ct) == 0;
}
