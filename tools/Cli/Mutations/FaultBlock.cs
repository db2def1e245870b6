namespace Shop.Cli.Mutations;

/// <summary>A block of a list of faults: lines "key: value", and the lines that go (-) and come (+).</summary>
/// <param name="List">Where the list is, from the root of the repository.</param>
internal sealed record FaultBlock(string List, IReadOnlyList<string> Lines)
{
    /// <summary>Reads a list: blocks that are separated by empty lines; lines that begin with # are comments.</summary>
    /// <exception cref="FailureException">A name is missing or occurs twice.</exception>
    public static IReadOnlyList<FaultBlock> Read(string list)
    {
        List<FaultBlock> blocks = [];
        List<string> lines = [];
        foreach (var line in File.ReadLines(Path.Combine(ShopHome.Repository, list)).Where(line => !line.StartsWith('#')).Append(""))
        {
            if (line.Length > 0)
            {
                lines.Add(line);
            }
            else if (lines.Count > 0)
            {
                blocks.Add(new FaultBlock(list, [.. lines]));
                lines.Clear();
            }
        }

        return blocks.GroupBy(block => block.Value("name")).FirstOrDefault(group => group.Count() > 1) is { } twice
            ? throw new FailureException($"{list}: two blocks are named {twice.Key}.")
            : blocks;
    }

    /// <exception cref="FailureException">The block has no such line.</exception>
    public string Value(string key) => Lines.FirstOrDefault(line => line.StartsWith(key + ": ", StringComparison.Ordinal))?[(key.Length + 2)..]
        ?? throw new FailureException($"{List}: the block of '{Lines[0]}' has no line '{key}: ...'.");

    public IReadOnlyList<string> Changed(char sign) => [.. Lines.Where(line => line[0] == sign).Select(line => line[1..])];

    /// <summary>Those of a list that are named; all where none is.</summary>
    /// <exception cref="UsageException">A name is not in the list.</exception>
    public static IReadOnlyList<T> Chosen<T>(string what, IReadOnlyList<T> all, Func<T, string> nameOf, string[] names)
    {
        var unknown = names.FirstOrDefault(name => all.All(one => nameOf(one) != name));
        return unknown is null
            ? [.. all.Where(one => names.Length == 0 || names.Contains(nameOf(one)))]
            : throw new UsageException($"There is no {what} '{unknown}'."
                + (Similar.To(unknown, all.Select(nameOf)) is { } similar ? $" Did you mean '{similar}'?" : ""));
    }
}
