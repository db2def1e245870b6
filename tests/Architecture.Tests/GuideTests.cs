using System.Globalization;
using System.Text.RegularExpressions;

namespace Shop.Architecture.Tests;

/// <summary>docs/choosing.md is short enough to decide by, and says how long it takes.</summary>
public sealed class GuideTests
{
    private static readonly string s_page = Path.Combine(Code.Repository, "docs", "choosing.md");

    private static readonly List<GuideRow> s_rows = [.. GuideRow.Of(s_page, File.ReadAllText(s_page))];

    [Fact]
    public void Each_question_of_the_guide_is_answered_within_three_links_and_its_words_are_counted()
    {
        Assert.True(s_rows.Count > 10, "The table is not found.");
        Assert.True(s_rows.SelectMany(row => row.Faults()).ToList() is [],
            string.Join('\n', s_rows.SelectMany(row => row.Faults())) + "\nThe table should be:\n" + string.Join('\n', s_rows.Select(row => row.Corrected())));
    }

    [Fact]
    public void A_decision_takes_less_than_thirty_minutes() => Assert.All(s_rows, row => Assert.InRange(row.Counted(), 1, 29 * GuideRow.WordsPerMinute));

    [Theory]
    [InlineData("[README](../README.md), [two](#the-two-kinds) | 1 | 1", "words")]
    [InlineData("[README](../README.md), [two](#the-two-kinds), [a page that choosing.md does not link](migrations.md) | 700 | 4", "link")]
    [InlineData("[two](#the-two-kinds) | 100 | 1", "README")]
    public void A_row_that_is_wrong_is_found(string row, string fault) => Assert.Contains(
        Assert.Single(GuideRow.Of(s_page, $"## How long it takes\n\n| question | {row} |\n")).Faults(), found => found.Contains(fault, StringComparison.Ordinal));
}

/// <summary>A row of the table: a question, the places that are read for its answer, and how long that takes.</summary>
internal sealed partial record GuideRow(string Page, string Question, string Path, int Words, int Minutes)
{
    public const int WordsPerMinute = 200;
    private const int MaxLinks = 3;

    /// <summary>Small changes of the texts need not change the table.</summary>
    private const double Tolerance = 0.1;

    public static IEnumerable<GuideRow> Of(string page, string text) =>
        Row().Matches(text.Split("## How long it takes")[1]).Select(row => new GuideRow(page, row.Groups["question"].Value, row.Groups["path"].Value,
            int.Parse(row.Groups["words"].Value, CultureInfo.InvariantCulture), int.Parse(row.Groups["minutes"].Value, CultureInfo.InvariantCulture)));

    public IEnumerable<string> Faults()
    {
        var places = Places();
        var files = places.Select(place => place.File).ToList();
        if (files[0] != System.IO.Path.Combine(Code.Repository, "README.md"))
        {
            yield return $"{Question}: the path begins at the README";
        }

        for (var i = 1; i < files.Count; i++)
        {
            if (files[i] != files[i - 1] && !Linked(files[i - 1]).Contains(files[i]))
            {
                yield return $"{Question}: no link from {files[i - 1]} to {files[i]}";
            }
        }

        if (files.Distinct().Count() - 1 > MaxLinks)
        {
            yield return $"{Question}: more than {MaxLinks} links";
        }

        if (Math.Abs(Counted() - Words) > Tolerance * Words || Minutes != MinutesOf(Words))
        {
            yield return $"{Question}: {Counted()} words, {MinutesOf(Counted())} minutes";
        }
    }

    public int Counted() => Places().Sum(place => place.File.EndsWith("README.md", StringComparison.Ordinal) && place.Heading is null
        ? WordsOf(File.ReadAllText(place.File).Split("](docs/choosing.md)")[0])
        : WordsOf(Section(Block().Replace(File.ReadAllText(place.File), ""), place.Heading)));

    public string Corrected() => $"| {Question} | {Path} | {Math.Round(Counted() / 10.0) * 10} | {MinutesOf((int)Math.Round(Counted() / 10.0) * 10)} |";

    private static int MinutesOf(int words) => (words + WordsPerMinute - 1) / WordsPerMinute;

    private List<(string File, string? Heading)> Places() => [.. Documentation.Targets(Path).Select(target =>
        (Documentation.FileOf(Page, target), target.Split('#') is [_, var heading] ? heading : null))];

    private static HashSet<string> Linked(string file) =>
        [.. Documentation.Targets(File.ReadAllText(file)).Select(target => Documentation.FileOf(file, target))];

    private static int WordsOf(string text) => Word().Count(Target().Replace(Block().Replace(text, ""), "]"));

    /// <summary>From the heading to the next of its level or above; everything where there is no heading.</summary>
    private static string Section(string text, string? heading)
    {
        if (heading is null)
        {
            return text;
        }

        var (section, level) = (new List<string>(), 0);
        foreach (var line in text.Split('\n'))
        {
            var depth = line.StartsWith('#') ? line.TakeWhile(c => c == '#').Count() : 0;
            if (level > 0 && depth > 0 && depth <= level)
            {
                break;
            }

            level = level > 0 ? level : depth > 0 && Documentation.Anchor(line[depth..]) == heading ? depth : 0;
            if (level > 0)
            {
                section.Add(line);
            }
        }

        return string.Join('\n', section);
    }

    [GeneratedRegex(@"^\| (?<question>[^|]+) \| (?<path>[^|]*\]\([^|]+) \| (?<words>\d+) \| (?<minutes>\d+) \|$", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex("^```[\\s\\S]*?^```", RegexOptions.Multiline)]
    private static partial Regex Block();

    [GeneratedRegex(@"\]\([^)\s]+\)")]
    private static partial Regex Target();

    [GeneratedRegex(@"\S*\w\S*")]
    private static partial Regex Word();
}
