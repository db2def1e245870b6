using System.Globalization;
using Spectre.Console;

namespace Shop.Benchmarks.Reports;

/// <summary>A scenario's result as a table.</summary>
internal static class ScreenReport
{
    private static readonly string[] s_latency = ["p50 ms", "p99 ms", "p99.9 ms"];

    public static void Write(ScenarioResult result)
    {
        var table = new Table().Border(TableBorder.Rounded).Title(result.Title);
        var parts = result.Rows.FirstOrDefault(row => row.Parts is not null)?.Parts?.Select(part => part.Name).ToList() ?? [];
        var latency = result.Rows.Any(row => row.Latency is not null);
        table.AddColumn("");
        foreach (var column in (string[])[
            "rounds", $"{result.Unit}s/s (least to most)", .. latency ? s_latency : [], $"CPU us/{result.Unit} (least to most)", .. parts])
        {
            table.AddColumn(new TableColumn(column).RightAligned());
        }

        foreach (var row in result.Rows)
        {
            table.AddRow([
                row.Name, Text($"{row.Rounds} x {row.Events:N0}"), Show(row.Rate, "N0"),
                .. latency ? [Show(row.Latency?.P50, "0.0"), Show(row.Latency?.P99, "0.0"), Show(row.Latency?.P999, "0.0")] : (string[])[],
                Show(row.Cpu, "N0"), .. parts.Select((_, index) => Text($"{row.Parts?[index].Micros:N0}"))]);
        }

        AnsiConsole.Write(table);
        foreach (var finding in result.Findings)
        {
            var colour = finding.IsMet switch { true => "green", false => "red", null => "default" };
            AnsiConsole.MarkupLine($"  [{colour}]{Markup.Escape(Sentence(finding))}[/]");
        }

        var others = result.Rows.Count == 0 ? 0 : result.Rows.Max(row => row.OtherCores);
        if (others > 0.2)
        {
            AnsiConsole.MarkupLine(Text($"  [yellow]Other programs used up to {others:0.0} cores meanwhile: trust the ratios, not the rates.[/]"));
        }

        AnsiConsole.WriteLine();
    }

    public static string Sentence(Finding finding)
    {
        var target = finding.Target is { } limit
            ? $", target {(finding.AtMost ? "at most" : "at least")} {Show(limit, finding.Format)}: {(finding.IsMet == true ? "met" : "MISSED")}"
            : "";
        return $"{finding.What}: {Show(finding.Value, finding.Format)}{target}";
    }

    public static string Show(Spread? spread, string format) => spread is { } s
        ? s.Least == s.Most ? Show(s.Median, format) : $"{Show(s.Median, format)} ({Show(s.Least, format)} to {Show(s.Most, format)})"
        : "";

    private static string Show(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
