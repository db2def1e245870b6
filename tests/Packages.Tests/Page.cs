using System.Text.RegularExpressions;

namespace Shop.Packages.Tests;

/// <summary>A block of C#, the code that it is compiled in, with … in its place, or why it is not compiled.</summary>
internal sealed record Snippet(string Page, string Text, string? Around, string? WhyNot);

/// <summary>The code blocks of a page.</summary>
internal static partial class Page
{
    /// <summary>The blocks of a language, in their order, without those that say why no test runs them.</summary>
    public static IReadOnlyList<string> Blocks(string page, string language) =>
    [
        .. Block().Matches(File.ReadAllText(Path.Combine(Topology.Root, page)))
            .Where(block => block.Groups["language"].Value == language && !block.Groups["why"].Success).Select(block => block.Groups["text"].Value),
    ];

    /// <summary>The pages of the repository, without what is hidden or made by a build.</summary>
    public static IEnumerable<string> All() => Directory.EnumerateFiles(Topology.Root, "*.md", SearchOption.AllDirectories)
        .Select(file => Path.GetRelativePath(Topology.Root, file))
        .Where(page => !page.Split(Path.DirectorySeparatorChar).Any(part => part.StartsWith('.') || part is "bin" or "obj" or "artifacts"));

    public static IEnumerable<Snippet> Snippets(string page) => Snippets(page, File.ReadAllText(Path.Combine(Topology.Root, page)));

    public static IEnumerable<Snippet> Snippets(string page, string text) => Marked().Matches(text)
        .Select(block => new Snippet(page, block.Groups["text"].Value, ValueOf(block.Groups["around"]), ValueOf(block.Groups["why"])));

    private static string? ValueOf(Group group) => group.Success ? group.Value : null;

    [GeneratedRegex("(?:^<!-- (?:compiled in: (?<around>(?:(?!-->).)*)|not compiled: (?<why>[^\n]*)) -->\n)?^```csharp\n(?<text>.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Marked();

    [GeneratedRegex("(?:^<!-- not run by a test: (?<why>[^\n]*) -->\n)?^```(?<language>\\S*)[^\n]*\n(?<text>.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block();
}
