using System.Text.RegularExpressions;

namespace Shop.Testing;

/// <summary>The commands of ./shop that the documentation names.</summary>
public static partial class DocumentedCommands
{
    private static readonly string[] s_made = ["bin", "obj", "artifacts"];

    /// <summary>Each once: the words after ./shop, in blocks and in running text, without requests for help.</summary>
    public static IReadOnlyList<string> All() =>
    [
        .. Directory.EnumerateFiles(Topology.Root, "*.md", SearchOption.AllDirectories)
            .Where(page => !Path.GetRelativePath(Topology.Root, page).Split('/').Any(part => part.StartsWith('.') || s_made.Contains(part)))
            .SelectMany(page => Command().Matches(File.ReadAllText(page))).Select(match => match.Groups[1].Value.Trim())
            .Where(command => !command.Contains("--help", StringComparison.Ordinal) && !command.StartsWith('<')).Distinct().Order(StringComparer.Ordinal),
    ];

    /// <summary>A command's words, with a value for each placeholder (&lt;order&gt;) and variable ("$ORDER").</summary>
    public static IEnumerable<string> Words(string command, Func<string, string> valueOf)
    {
        ArgumentNullException.ThrowIfNull(valueOf);
        return Word().Matches(command).Select(word => word.Value.Trim('"')).Select(word => word[0] is '$' or '<' ? valueOf(word) : word);
    }

    [GeneratedRegex(@"(?<![\w/])\./shop ((?:""[^""\n]*""|<[a-z]+>|[^\s`#|<>&;()]+| (?! *#))+)")]
    private static partial Regex Command();

    [GeneratedRegex(@"""[^""]*""|\S+")]
    private static partial Regex Word();
}
