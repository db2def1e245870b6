using Shop.Cli.Mutations;

namespace Shop.Cli.Exercises;

/// <summary>A protection that is taken away to see what it is for.</summary>
/// <param name="Fault">The change that takes it away, and the test that counts what comes of it.</param>
/// <param name="Question">The question that it answers.</param>
/// <param name="Wrong">Why it went wrong.</param>
/// <param name="Read">The page that says more, from the root of the repository.</param>
internal sealed record Exercise(Mutation Fault, string Question, string Wrong, string Read)
{
    /// <summary>Where the list is, from the root of the repository.</summary>
    public const string List = "tests/exercises.txt";

    public static IReadOnlyList<Exercise> All() =>
        [.. FaultBlock.Read(List).Select(block => new Exercise(Mutation.Of(block), block.Value("question"), block.Value("wrong"), block.Value("read")))];

    public string Name => Fault.Name;

    /// <summary>The change as a diff: each line with its sign.</summary>
    public IEnumerable<string> Diff()
    {
        var kept = Fault.Old.Intersect(Fault.New).ToList();
        return Fault.Old.Except(kept).Select(line => "-" + line)
            .Concat(Fault.New.Select(line => (kept.Contains(line) ? " " : "+") + line));
    }
}

/// <summary>What an exercise counted.</summary>
/// <param name="Protected">The words of its test on the code as it is committed.</param>
/// <param name="Broken">Its words without the protection.</param>
internal sealed record Counted(Exercise Exercise, string Protected, string Broken);
