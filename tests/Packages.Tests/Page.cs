using System.Text.RegularExpressions;

namespace Shop.Packages.Tests;

/// <summary>The code blocks of a page.</summary>
internal static partial class Page
{
    /// <summary>The blocks of a language, in their order.</summary>
    public static IReadOnlyList<string> Blocks(string page, string language) =>
    [
        .. Block().Matches(File.ReadAllText(Path.Combine(Topology.Root, page)))
            .Where(block => block.Groups["language"].Value == language).Select(block => block.Groups["text"].Value),
    ];

    [GeneratedRegex("^```(?<language>\\S*)[^\n]*\n(?<text>.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block();
}
