namespace Shop.Cli.Mutations;

/// <summary>A fault that is put into the code on purpose, and the test that must fail because of it.</summary>
/// <param name="Name">Such as "acknowledge-before-commit".</param>
/// <param name="Guarantee">The guarantee that it breaks.</param>
/// <param name="Project">The test's project, such as "Messaging.Tests".</param>
/// <param name="Test">The test's class and method, "InboxTests.A_duplicate_...".</param>
/// <param name="File">The file that is changed, from the root of the repository.</param>
/// <param name="Old">Lines that occur once in the file, without regard to their indentation.</param>
/// <param name="New">The lines that replace them.</param>
internal sealed record Mutation(
    string Name, string Guarantee, string Project, string Test, string File, IReadOnlyList<string> Old, IReadOnlyList<string> New)
{
    /// <summary>Where the list is, from the root of the repository.</summary>
    public const string List = "tests/mutations.txt";

    /// <summary>Reads a list: a block for each mutation, separated by empty lines; lines that begin with # are comments.</summary>
    /// <exception cref="FailureException">A block is incomplete, or a name occurs twice.</exception>
    public static IReadOnlyList<Mutation> Read(string file)
    {
        List<Mutation> mutations = [];
        List<string> block = [];
        foreach (var line in System.IO.File.ReadLines(file).Where(line => !line.StartsWith('#')).Append(""))
        {
            if (line.Length > 0)
            {
                block.Add(line);
            }
            else if (block.Count > 0)
            {
                mutations.Add(Parse(block));
                block.Clear();
            }
        }

        return mutations.GroupBy(mutation => mutation.Name).FirstOrDefault(group => group.Count() > 1) is { } twice
            ? throw new FailureException($"{List}: two mutations are named {twice.Key}.")
            : mutations;
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

    private static Mutation Parse(List<string> block)
    {
        string Value(string key) => block.Find(line => line.StartsWith(key + ": ", StringComparison.Ordinal))?[(key.Length + 2)..]
            ?? throw new FailureException($"{List}: the block of '{block[0]}' has no line '{key}: ...'.");
        List<string> Changed(char sign) => [.. block.Where(line => line[0] == sign).Select(line => line[1..])];
        var test = Value("test").Split(' ', 2);
        return test.Length == 2 && Changed('-').Count > 0
            ? new Mutation(Value("name"), Value("guarantee"), test[0], test[1], Value("file"), Changed('-'), Changed('+'))
            : throw new FailureException($"{List}: the block of '{block[0]}' names no test as 'Project Class.Method', or has no line to replace.");
    }
}
