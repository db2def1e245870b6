namespace Shop.Cli.Mutations;

/// <summary>A fault that is put into the code on purpose, and the test that must fail because of it.</summary>
/// <param name="List">The list that it is in, from the root of the repository.</param>
/// <param name="Name">Such as "acknowledge-before-commit".</param>
/// <param name="Guarantee">The guarantee that it breaks.</param>
/// <param name="Project">The test's project, such as "Messaging.Tests".</param>
/// <param name="Test">The test's class and method, "InboxTests.A_duplicate_...".</param>
/// <param name="File">The file that is changed, from the root of the repository.</param>
/// <param name="Old">Lines that occur once in the file, without regard to their indentation.</param>
/// <param name="New">The lines that replace them.</param>
internal sealed record Mutation(
    string List, string Name, string Guarantee, string Project, string Test, string File, IReadOnlyList<string> Old, IReadOnlyList<string> New)
{
    /// <summary>Where the list of ./shop mutate is, from the root of the repository.</summary>
    public const string Mutations = "tests/mutations.txt";

    /// <exception cref="FailureException">The block is incomplete.</exception>
    public static Mutation Of(FaultBlock block)
    {
        var test = block.Value("test").Split(' ', 2);
        return test.Length == 2 && block.Changed('-').Count > 0
            ? new Mutation(block.List, block.Value("name"), block.Value("guarantee"), test[0], test[1], block.Value("file"), block.Changed('-'), block.Changed('+'))
            : throw new FailureException(
                $"{block.List}: the block of '{block.Lines[0]}' names no test as 'Project Class.Method', or has no line to replace.");
    }

    /// <summary>Checks, without a build, that it fits the code and that its test exists.</summary>
    /// <exception cref="FailureException">It does not.</exception>
    public void Check()
    {
        Apply(System.IO.File.ReadAllText(Path.Combine(ShopHome.Repository, File)));
        var method = $" {Test.Split('.')[^1]}(";
        if (!Directory.EnumerateFiles(Path.Combine(ShopHome.Repository, "tests", Project), "*.cs", SearchOption.AllDirectories)
            .Any(file => System.IO.File.ReadAllText(file).Contains(method, StringComparison.Ordinal)))
        {
            throw new FailureException($"{Name}: {Project} has no test {Test}. Adapt {List}.");
        }
    }

    /// <summary>The file's text with the mutation in it.</summary>
    /// <exception cref="FailureException">The old lines are not in the text, or more than once.</exception>
    public string Apply(string text)
    {
        var lines = text.Split('\n');
        var places = Enumerable.Range(0, Math.Max(0, lines.Length - Old.Count + 1))
            .Where(at => Old.Select((old, offset) => lines[at + offset].Trim() == old.Trim()).All(same => same))
            .ToList();
        return places is [var place]
            ? string.Join('\n', [.. lines[..place], .. New, .. lines[(place + Old.Count)..]])
            : throw new FailureException($"{Name}: {File} has {places.Count} places with the lines that the mutation replaces, not one. Adapt {List}.");
    }
}
