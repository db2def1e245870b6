using System.CommandLine;
using Shop.Cli.Setup;

namespace Shop.Cli.Mutations;

/// <summary>Applies each mutation of the list to the code, and checks that its test fails.</summary>
internal static class MutateCommand
{
    public static Command Create()
    {
        var names = new Argument<string[]>("name") { Arity = ArgumentArity.ZeroOrMore, Description = $"only these of {Mutation.Mutations}" };
        var list = new Option<bool>("--list") { Description = "show the mutations and check that they fit the code and their tests exist; run none" };
        var generated = new Option<bool>("--generated")
        {
            Description = "restore dotnet-stryker and have it mutate what needs no server, some 20 minutes; exits with 1 below 85 % killed",
        };
        var command = new Command("mutate", About.Text("break the code on purpose, and see the tests fail", $"""
            Copies the last commit, and applies the mutations of {Mutation.Mutations} to it one after the other. For each, the test that
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

            var mutations = FaultBlock.Chosen("mutation",
                [.. FaultBlock.Read(Mutation.Mutations).Select(Mutation.Of)], mutation => mutation.Name, parsed.GetValue(names) ?? []);
            if (!parsed.GetValue(list))
            {
                return await RunAsync(mutations, ct);
            }

            mutations.ToList().ForEach(mutation => mutation.Check());
            Columns.Write([["mutation", "test", "guarantee"], .. mutations.Select(m => (string[])[m.Name, $"{m.Project} {m.Test}", m.Guarantee])]);
            return 0;
        });
        return command;
    }

    private static Task<int> RunAsync(IReadOnlyList<Mutation> mutations, CancellationToken ct) =>
        MutationRun.InCopyAsync("mutations", "Shop.sln", run => RunAsync(run, mutations, ct), ct);

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
}
