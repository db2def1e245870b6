using System.Globalization;
using System.Security;
using System.Text;

namespace Shop.Benchmarks.Reports;

/// <summary>
/// Bars for rates or latencies and for CPU per event, each scenario on a scale of its own, with its targets below, as an SVG that is
/// readable on light and on dark.
/// </summary>
internal sealed class ChartReport
{
    private const int Width = 1000;
    private const int Left = 12;
    private const int BarsLeft = 225;
    private const int CpuLeft = 605;
    private const int BarWidth = 190;
    private const int RowHeight = 24;
    private const int LineHeight = 18;

    private readonly StringBuilder _body = new();
    private int _y = 80;

    private ChartReport()
    {
    }

    public static void Write(string file, Measurements found)
    {
        var chart = new ChartReport();
        foreach (var result in found.Scenarios.Select(dated => dated.Result).Where(result => result.Rows.Count > 0))
        {
            chart.Panel(result);
        }

        File.WriteAllText(file, chart.Document(found.Machine));
    }

    private string Document(Machine machine)
    {
        var caption = $"{machine.Cores} cores ({machine.Processor}) for everything, PostgreSQL {machine.Postgres}, RabbitMQ {machine.Broker}, {machine.Runtime}";
        return $$"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{Width}} {{_y}}" width="{{Width}}" height="{{_y}}" role="img" aria-label="Benchmark results: rates, latencies and CPU per event of each scenario, with targets">
            <style>
              text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328; }
              .head { font-weight: 600; font-size: 17px; } .title { font-weight: 600; font-size: 14px; }
              .small { font-size: 11.5px; fill: #59636e; } .met { font-size: 11.5px; fill: #1a7f37; } .missed { font-size: 11.5px; fill: #c21c2c; }
              .back { fill: #ffffff; } .rule { stroke: #d1d9e0; } .cut { stroke: #ffffff; stroke-width: 3; }
              .rate, .p50 { fill: #2f6fd0; } .p99 { fill: #a9c5ef; } .spread { stroke: #1f2328; stroke-width: 1.5; }
              .part0 { fill: #2f6fd0; } .part1 { fill: #d1793b; } .part2 { fill: #3f8f5f; } .part3 { fill: #8a63c9; }
              .part4 { fill: #c2477f; } .part5 { fill: #7a7f87; } .part6 { fill: #b59b1f; }
              @media (prefers-color-scheme: dark) {
                text { fill: #e6edf3; } .small { fill: #9198a1; } .met { fill: #3fb950; } .missed { fill: #ff7b72; }
                .back { fill: #0d1117; } .rule { stroke: #3d444d; } .cut { stroke: #0d1117; } .spread { stroke: #e6edf3; }
                .rate, .p50, .part0 { fill: #6ea1f0; } .p99 { fill: #2c4a78; } .part1 { fill: #e59a63; } .part2 { fill: #66b98a; }
                .part3 { fill: #b394e8; } .part4 { fill: #e583ae; } .part5 { fill: #9aa1aa; } .part6 { fill: #d9c45c; }
              }
            </style>
            <rect class="back" width="{{Width}}" height="{{_y}}"/>
            <text x="{{Left}}" y="26" class="head">Messaging, measured by ./shop bench</text>
            <text x="{{Left}}" y="46" class="small">{{SecurityElement.Escape(caption)}}</text>
            <text x="{{Left}}" y="63" class="small">Bars are medians, lines and brackets go from the least to the most of the rounds; a bar with // is cut off. CPU is everybody's, by process.</text>
            {{_body}}</svg>

            """;
    }

    private void Panel(ScenarioResult result)
    {
        Add($"""<line x1="{Left}" x2="{Width - Left}" y1="{_y}" y2="{_y}" class="rule"/>""");
        _y += 22;
        Label(Left, _y, result.Title + (result.Quick ? " (--quick)" : ""), "title");
        foreach (var rows in result.Rows.GroupBy(row => row.Latency is not null))
        {
            Rows([.. rows], result.Unit, latencies: rows.Key);
        }

        foreach (var finding in result.Findings)
        {
            var (mark, style) = finding.IsMet switch { true => ("✓ ", "met"), false => ("✗ ", "missed"), null => ("", "small") };
            Label(Left, _y + 12, mark + ScreenReport.Sentence(finding), style);
            _y += LineHeight;
        }

        _y += 12;
    }

    private void Rows(IReadOnlyList<ResultRow> rows, string unit, bool latencies)
    {
        _y += LineHeight;
        Label(BarsLeft, _y, latencies ? "ms: p50 (dark), p99 (light), and p99.9 as a number" : $"{unit}s per second", "small");
        Legend(rows.FirstOrDefault(row => row.Parts is not null)?.Parts ?? [], unit);
        _y += 8;
        var most = Scale(rows.Select(row => latencies ? row.Latency!.P99.Median : row.Rate?.Median ?? 0));
        var mostCpu = Scale(rows.Select(row => row.Parts?.Sum(part => part.Micros) ?? 0));
        foreach (var row in rows)
        {
            Label(Left, _y + 14, row.Name);
            if (row.Latency is { } l)
            {
                Bar(BarsLeft, l.P99.Median, most, "p99");
                Bar(BarsLeft, l.P50.Median, most, "p50");
                Spread(l.P99, most, $"{Milliseconds(l.P50)} / {Milliseconds(l.P99)} / {Milliseconds(l.P999)}");
            }
            else if (row.Rate is { } rate)
            {
                Bar(BarsLeft, rate.Median, most, "rate");
                Spread(rate, most, Text($"{rate.Median:N0}"));
            }

            Cpu(row, mostCpu);
            _y += RowHeight;
        }
    }

    /// <summary>The length of the scale: a bar far longer than all others is cut off, so that the others stay readable.</summary>
    private static double Scale(IEnumerable<double> values)
    {
        var sorted = values.OrderDescending().ToArray();
        return sorted.Length > 1 && sorted[1] > 0 && sorted[0] > 4 * sorted[1] ? sorted[1] * 1.6 : sorted[0];
    }

    private void Legend(IReadOnlyList<CpuPart> parts, string unit)
    {
        Label(CpuLeft, _y, $"CPU µs per {unit}" + (parts.Count > 0 ? ":" : ""), "small");
        var x = CpuLeft + 112;
        if (parts.Count > 3)
        {
            (x, _y) = (BarsLeft, _y + LineHeight);
        }

        for (var index = 0; index < parts.Count; index++)
        {
            Add($"""<rect x="{x}" y="{_y - 9}" width="9" height="9" class="part{index}"/>""");
            Label(x + 12, _y, parts[index].Name, "small");
            x += 26 + (6 * parts[index].Name.Length);
        }
    }

    private void Bar(double x, double value, double most, string style)
    {
        var width = Math.Clamp(value / most * BarWidth, 1, BarWidth);
        Add($"""<rect x="{x:0.0}" y="{_y + 2}" width="{width:0.0}" height="16" class="{style}"/>""");
        CutOff(x, value > most * 1.001);
    }

    private void CutOff(double x, bool isCut)
    {
        if (isCut)
        {
            Add($"""<line x1="{x + BarWidth - 22:0.0}" x2="{x + BarWidth - 14:0.0}" y1="{_y + 20}" y2="{_y}" class="cut"/>""");
            Add($"""<line x1="{x + BarWidth - 15:0.0}" x2="{x + BarWidth - 7:0.0}" y1="{_y + 20}" y2="{_y}" class="cut"/>""");
        }
    }

    private void Spread(Spread value, double most, string label)
    {
        double X(double of) => BarsLeft + (Math.Min(of / most, 1.12) * BarWidth);
        if (value.Median <= most && value.Least < value.Most)
        {
            Add($"""<line x1="{X(value.Least):0.0}" x2="{X(value.Most):0.0}" y1="{_y + 10}" y2="{_y + 10}" class="spread"/>""");
        }

        Label(Math.Max(X(Math.Min(value.Median, most)), value.Median <= most ? X(value.Most) : 0) + 6, _y + 14, label);
    }

    private static string Milliseconds(Spread value) => value.Median < 100 ? Text($"{value.Median:0.0}") : Text($"{value.Median:N0}");

    private void Cpu(ResultRow row, double most)
    {
        if (row.Parts is not { } parts || most <= 0)
        {
            return;
        }

        var all = parts.Sum(part => part.Micros);
        var shown = Math.Min(all, most);
        double x = CpuLeft;
        for (var index = 0; index < parts.Count; index++)
        {
            var width = parts[index].Micros / all * shown / most * BarWidth;
            Add($"""<rect x="{x:0.0}" y="{_y + 2}" width="{width:0.0}" height="16" class="part{index}"/>""");
            x += width;
        }

        CutOff(CpuLeft, all > most * 1.001);
        Label(x + 6, _y + 14, ScreenReport.Show(row.Cpu, "N0"));
    }

    private void Label(double x, int y, string text, string? style = null) =>
        Add($"""<text x="{x:0.0}" y="{y}"{(style is null ? "" : $" class=\"{style}\"")}>{SecurityElement.Escape(text)}</text>""");

    private void Add(FormattableString line) => _body.AppendLine(Text(line));

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
