using System.CommandLine;
using Shop.Cli.Mutations;
using Spectre.Console;

namespace Shop.Cli.Exercises;

/// <summary>Takes a protection away in a copy of the last commit, and shows what goes wrong.</summary>
internal static class BreakCommand
{
    public static Command Create()
    {
        var names = new Argument<string[]>("name") { Arity = ArgumentArity.ZeroOrMore, Description = $"exercises of {Exercise.List}; without a name they are listed" };
        var write = new Option<FileInfo?>("--write") { HelpName = "file", Description = "also writes what was seen as a page, of all exercises if none is named" };
        var command = new Command("break", About.Text("take a protection away, and see what goes wrong", """
            Copies the last commit, without what you changed since, and counts what happens with the protection, against servers of its own.
            Then it shows a change that takes the protection away, applies it to the copy, counts again, and removes the copy. Your files stay
            as they are. Some minutes, most of them for the build of the copy. Exits with 1 if nothing went wrong. docs/break.md has the output.
            """))
        {
            names, write,
        };
        command.SetAction((parsed, ct) =>
        {
            var (words, page) = (parsed.GetValue(names) ?? [], parsed.GetValue(write));
            var exercises = FaultBlock.Chosen("exercise", Exercise.All(), exercise => exercise.Name, words);
            exercises.ToList().ForEach(exercise => exercise.Fault.Check());
            if (words.Length > 0 || page is not null)
            {
                return MutationRun.InCopyAsync("break", "tests/Messaging.Tests/Messaging.Tests.csproj", run => RunAsync(run, exercises, page, ct), ct);
            }

            Columns.Write([["exercise", "question"], .. exercises.Select(exercise => (string[])[exercise.Name, exercise.Question])]);
            return Task.FromResult(0);
        });
        return command;
    }

    private static async Task<int> RunAsync(MutationRun run, IReadOnlyList<Exercise> exercises, FileInfo? page, CancellationToken ct)
    {
        List<Counted> all = [];
        foreach (var exercise in exercises)
        {
            try
            {
                all.Add(await RunAsync(run, exercise, ct));
            }
            catch (FailureException e)
            {
                Terminal.Error(e.Message); // the others are independent of it
            }

            if (page is not null)
            {
                await File.WriteAllTextAsync(page.FullName, BreakPage.Of(all), ct);
            }
        }

        return all.Count == exercises.Count ? 0 : ShopCommandLine.Failed;
    }

    private static async Task<Counted> RunAsync(MutationRun run, Exercise exercise, CancellationToken ct)
    {
        var fault = exercise.Fault;
        Show("bold", $"\n{exercise.Name}: {exercise.Question}");
        var (passed, before) = await Progress.ShowAsync("With the protection", fault.Test, () => run.ReportAsync(fault.Project, fault.Test, ct));
        if (!passed)
        {
            throw new FailureException($"{fault.Test} fails although the code is as it was committed.");
        }

        Show("green", before);
        Show("bold", $"\nThe change, in {fault.File}:");
        foreach (var line in exercise.Diff())
        {
            Show(line[0] switch { '-' => "red", '+' => "green", _ => "default" }, line);
        }

        var (survived, after) = await Progress.ShowAsync("Without the protection", "builds and runs again",
            () => run.WithAsync(fault, () => run.ReportAsync(fault.Project, fault.Test, ct), ct));
        if (survived)
        {
            throw new FailureException($"{exercise.Name}: nothing went wrong. {after}");
        }

        Show("red", after);
        Show("default", $"\nWhat went wrong: {exercise.Wrong}\nWhat protects you: {fault.Guarantee} More: {exercise.Read}");
        return new Counted(exercise, before, after);
    }

    /// <summary>Lines of code keep their length where the output is no terminal.</summary>
    private static void Show(string style, string text)
    {
        if (Terminal.IsInteractive)
        {
            AnsiConsole.MarkupLineInterpolated($"[{style}]{text}[/]");
        }
        else
        {
            Console.WriteLine(text);
        }
    }
}
