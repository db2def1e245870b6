using System.Globalization;
using System.Text.RegularExpressions;

namespace Shop.Architecture.Tests;

/// <summary>What the documentation points to exists: files, headings, decisions, and the tests that it names as proof.</summary>
public sealed class DocumentationTests
{
    /// <summary>Of docs/coverage.md.</summary>
    private const int Claims = 92;

    private static readonly string[] s_pages = [.. Documentation.Files("*.md")];

    private static readonly string[] s_sources = ["*.cs", "*.yaml", "*.sh", "*.csproj", "*.props"];

    private static readonly HashSet<string> s_decisions =
    [
        .. Directory.EnumerateFiles(Path.Combine(Code.Repository, "docs", "adr"), "0*.md").Select(file => Path.GetFileName(file)),
    ];

    private static readonly HashSet<string> s_tests =
    [
        .. new[] { "tests", "samples" }
            .SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Code.Repository, folder), "*.cs", SearchOption.AllDirectories))
            .SelectMany(file => Documentation.TestMethods(File.ReadAllText(file))),
    ];

    [Fact]
    public void Every_link_resolves() =>
        Assert.Empty(s_pages.SelectMany(page => Documentation.DeadLinks(page, File.ReadAllText(page))));

    [Fact]
    public void Every_test_that_is_named_exists() =>
        Assert.Empty(s_pages.SelectMany(page => Documentation.UnknownTests(page, File.ReadAllText(page), s_tests)));

    [Fact]
    public void Every_decision_that_is_named_exists()
    {
        var files = s_pages.Concat(s_sources.SelectMany(Documentation.Files));

        Assert.Empty(files.SelectMany(file => Documentation.UnknownDecisions(file, File.ReadAllText(file), s_decisions)));
    }

    [Fact]
    public void Every_decision_is_listed()
    {
        var list = File.ReadAllText(Path.Combine(Code.Repository, "docs", "adr", "README.md"));

        Assert.All(s_decisions, decision => Assert.Contains($"({decision})", list, StringComparison.Ordinal));
    }

    [Fact]
    public void No_diagram_has_a_semicolon_which_would_end_its_statement() =>
        Assert.Empty(s_pages.SelectMany(page => Documentation.BrokenDiagrams(page, File.ReadAllText(page))));

    [Fact]
    public void Every_claim_of_the_coverage_has_a_place_and_a_test()
    {
        var page = File.ReadAllText(Path.Combine(Code.Repository, "docs", "coverage.md"));

        Assert.Empty(Documentation.UncoveredClaims(page, Claims, s_tests));
    }

    [Theory]
    [InlineData("| 1 | a claim | [here](choosing.md) | `A_rollback_stores_nothing` |", 2, "2 is missing")]
    [InlineData("| 1 | a claim | somewhere | `A_rollback_stores_nothing` |", 1, "1 has no link")]
    [InlineData("| 1 | a claim | [here](choosing.md) | trust |", 1, "1 names no test")]
    public void A_claim_without_a_place_or_a_test_is_found(string page, int claims, string fault) =>
        Assert.Equal([fault], Documentation.UncoveredClaims(page, claims, s_tests));

    [Theory]
    [InlineData("[gone](nowhere/gone.md)")]
    [InlineData("[no such heading](adr/README.md#no-such-heading)")]
    [InlineData("[no such heading here](#nor-here)")]
    public void A_dead_link_is_found(string text) =>
        Assert.Single(Documentation.DeadLinks(Path.Combine(Code.Repository, "docs", "page.md"), text));

    [Fact]
    public void A_test_that_does_not_exist_is_found() =>
        Assert.Single(Documentation.UnknownTests("page.md", "proved by `No_such_test_exists_here`", s_tests));

    [Theory]
    [InlineData("docs/adr/")]
    [InlineData("see ADR ")]
    public void A_decision_that_does_not_exist_is_found(string before) =>
        Assert.Single(Documentation.UnknownDecisions("Page.cs", before + 9999, s_decisions));

    [Fact]
    public void Every_block_of_shop_commands_is_run_by_a_test_or_says_why_not()
    {
        Assert.Contains("## A first walk\n\n" + Documentation.Walk, File.ReadAllText(Path.Combine(Code.Repository, "docs", "running.md")), StringComparison.Ordinal);
        Assert.Empty(s_pages.SelectMany(page => Documentation.UnmarkedCommands(page, File.ReadAllText(page))));
    }

    [Fact]
    public void A_block_of_shop_commands_without_a_mark_is_found() =>
        Assert.Single(Documentation.UnmarkedCommands("page.md", "Do:\n\n```bash\n./shop up\n```\n\n<!-- not run by a test: it is slow -->\n```bash\n./shop up\n```\n"));

    [Fact]
    public void Every_figure_of_the_front_page_stands_on_the_page_that_it_links()
    {
        var readme = Path.Combine(Code.Repository, "README.md");
        var proofs = File.ReadAllText(readme).Split("## What Shop proves")[1].Split("\n## ")[0];

        Assert.True(Documentation.Figures(readme, proofs).Count() > 15, "The table is not found.");
        Assert.Empty(Documentation.UnknownFigures(readme, proofs));
    }

    [Theory]
    [InlineData("10,001 seeds", "10,001")]
    [InlineData("7,285 events", "7,285")]
    public void A_figure_that_is_not_on_the_page_is_found(string claim, string figure) => Assert.Contains(figure, Assert.Single(Documentation.UnknownFigures(
        Path.Combine(Code.Repository, "README.md"), $"| a claim | {claim} | [here](docs/reliability.md) |")), StringComparison.Ordinal);

    [Fact]
    public void A_broken_diagram_is_found() => Assert.Single(Documentation.BrokenDiagrams(
        "page.md", "a; b\n```mermaid\nsequenceDiagram\n    Note over A: ledger; stock\n```\n"));
}

/// <summary>Looks for what a page claims and the repository does not have.</summary>
internal static partial class Documentation
{
    private static readonly string[] s_made = ["bin", "obj", "artifacts", "node_modules"];

    /// <summary>The files of the repository that match, without what is hidden or made by a build.</summary>
    public static IEnumerable<string> Files(string pattern) => Files(new DirectoryInfo(Code.Repository), pattern);

    private static IEnumerable<string> Files(DirectoryInfo directory, string pattern) =>
        directory.EnumerateFiles(pattern).Select(file => file.FullName).Concat(directory.EnumerateDirectories()
            .Where(inner => !inner.Name.StartsWith('.') && !s_made.Contains(inner.Name))
            .SelectMany(inner => Files(inner, pattern)));

    public static IEnumerable<string> DeadLinks(string page, string text)
    {
        foreach (var target in Targets(text))
        {
            var file = FileOf(page, target);
            if (file != page && !File.Exists(file) && !Directory.Exists(file))
            {
                yield return $"{page}: {target} does not exist";
            }
            else if (target.Split('#') is [_, var heading] && !Headings(file == page ? text : File.ReadAllText(file)).Contains(heading))
            {
                yield return $"{page}: {target} has no such heading";
            }
        }
    }

    /// <summary>The targets of a text's links, without those to other sites.</summary>
    public static IEnumerable<string> Targets(string text) =>
        Link().Matches(text).Select(link => link.Groups[1].Value).Where(target => !target.Contains("://", StringComparison.Ordinal));

    /// <summary>The file or folder that a link on a page leads to.</summary>
    public static string FileOf(string page, string target) =>
        target.Split('#')[0] is { Length: > 0 } path ? Path.GetFullPath(Path.Combine(Path.GetDirectoryName(page)!, path)) : page;

    public static IEnumerable<string> UnknownTests(string page, string text, IReadOnlySet<string> tests) =>
        TestName().Matches(text).Select(name => name.Groups[1].Value).Where(name => name.Any(char.IsLower) && !tests.Contains(name))
            .Select(name => $"{page}: there is no test {name}");

    /// <summary>Rows of a number, a claim, where it is shown and what holds it.</summary>
    public static IEnumerable<string> UncoveredClaims(string page, int claims, IReadOnlySet<string> tests)
    {
        var rows = Claim().Matches(page).ToDictionary(row => row.Groups["number"].Value);
        foreach (var number in Enumerable.Range(1, claims).Select(number => number.ToString(CultureInfo.InvariantCulture)))
        {
            if (!rows.TryGetValue(number, out var row))
            {
                yield return $"{number} is missing";
                continue;
            }

            if (!Link().IsMatch(row.Groups["shown"].Value))
            {
                yield return $"{number} has no link";
            }

            if (!Quoted().Matches(row.Groups["held"].Value).Any(name => tests.Contains(name.Groups[1].Value)))
            {
                yield return $"{number} names no test";
            }
        }
    }

    /// <summary>The figures in rows of a claim, how it was measured, and where that stands.</summary>
    public static IEnumerable<(string Figure, string File)> Figures(string page, string text) => Proof().Matches(text).SelectMany(row =>
        Figure().Matches(row.Groups["measured"].Value).Select(figure => (figure.Value, FileOf(page, row.Groups["target"].Value))));

    public static IEnumerable<string> UnknownFigures(string page, string text) => Figures(page, text)
        .Where(claim => !Regex.IsMatch(File.ReadAllText(claim.File), $@"(?<![\d.,]){Regex.Escape(claim.Figure)}(?!\d|[.,]\d)"))
        .Select(claim => $"{page}: {claim.Figure} does not stand in {claim.File}");

    public static IEnumerable<string> UnknownDecisions(string file, string text, IReadOnlySet<string> decisions) =>
        Decision().Matches(text).Select(name => name.Groups[1].Value)
            .Where(number => !decisions.Any(decision => decision.StartsWith(number, StringComparison.Ordinal)))
            .Select(number => $"{file}: there is no decision {number}");

    /// <summary>How the block begins that FirstHourTests runs.</summary>
    public const string Walk = "```bash\n./shop up -d\n";

    public static IEnumerable<string> UnmarkedCommands(string page, string text) =>
        Commands().Matches(text).Where(block => block.Groups["code"].Value.Contains("./shop", StringComparison.Ordinal)
                && !block.Groups["why"].Success && !block.Value.StartsWith(Walk, StringComparison.Ordinal))
            .Select(block => $"{page}: no test runs \"{block.Groups["code"].Value.Split('\n')[0]}\". Put <!-- not run by a test: reason --> before it.");

    public static IEnumerable<string> BrokenDiagrams(string page, string text) =>
        Diagram().Matches(text).SelectMany(diagram => diagram.Value.Split('\n')).Where(line => line.Contains(';', StringComparison.Ordinal))
            .Select(line => $"{page}: {line.Trim()}");

    public static IEnumerable<string> TestMethods(string code) => Method().Matches(code).Select(method => method.Groups[1].Value);

    /// <summary>GitHub's anchor of a heading: lower case, without punctuation, blanks as hyphens.</summary>
    public static string Anchor(string heading) => Punctuation().Replace(heading.Trim().ToLowerInvariant(), "").Replace(' ', '-');

    private static HashSet<string> Headings(string text) => [.. Heading().Matches(text).Select(heading => Anchor(heading.Groups[1].Value))];

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex("`([A-Z][A-Za-z0-9]*(?:_[A-Za-z0-9]+){2,})`")]
    private static partial Regex TestName();

    [GeneratedRegex(@"^\| (?<number>\d+) \| [^|]+ \| (?<shown>[^|]+) \| (?<held>[^|]+) \|$", RegexOptions.Multiline)]
    private static partial Regex Claim();

    [GeneratedRegex(@"^\| [^|]+ \| (?<measured>[^|]+) \| \[[^\]]+\]\((?<target>[^)]+)\) \|$", RegexOptions.Multiline)]
    private static partial Regex Proof();

    [GeneratedRegex(@"\d(?:[\d.,]*\d)?(?!xx)")]
    private static partial Regex Figure();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"\b(?:ADR |adr/)(\d{4})")]
    private static partial Regex Decision();

    [GeneratedRegex(@"(?:^<!-- not run by a test: (?<why>\S[^\n]*) -->\n)?^```bash\n(?<code>[\s\S]*?)^```$", RegexOptions.Multiline)]
    private static partial Regex Commands();

    [GeneratedRegex(@"```mermaid\n[\s\S]*?```")]
    private static partial Regex Diagram();

    [GeneratedRegex(@"(?:Task|void)\s+([A-Z]\w*)\(")]
    private static partial Regex Method();

    [GeneratedRegex(@"^#+\s+(.*)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex Punctuation();
}
