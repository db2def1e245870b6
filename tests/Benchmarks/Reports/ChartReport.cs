using System.Globalization;
using System.Security;
using System.Text;

namespace Shop.Benchmarks.Reports;

/// <summary>Bars for rates and for CPU per event, each scenario on a scale of its own, as an SVG that is readable on light and on dark.</summary>
internal static class ChartReport
{
    private const int Width = 1000;
    private const int LabelWidth = 260;
    private const int BarWidth = 210;
    private const int CpuLeft = LabelWidth + BarWidth + 150;
    private const int RowHeight = 26;

    public static void Write(string file, Measurements found)
    {
        var body = new StringBuilder();
        var y = 34;
        foreach (var result in found.Scenarios.Select(dated => dated.Result).Where(result => result.Rows.Count > 0))
        {
            y = Panel(body, result, y);
        }

        var caption = $"{found.Machine.Cores} cores, PostgreSQL {found.Machine.Postgres}, RabbitMQ {found.Machine.Broker}, "
            + $"{found.Machine.Runtime}. Medians; lines show the least and the most of the rounds.";
        File.WriteAllText(file, $$"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{Width}} {{y + 4}}" width="{{Width}}" height="{{y + 4}}" role="img" aria-label="Benchmark results: rates and CPU per event of each scenario">
            <style>
              text { font: 13px system-ui, sans-serif; fill: #1f2328; }
              .title { font-weight: 600; font-size: 14px; } .small { font-size: 11px; fill: #59636e; }
              .back { fill: #ffffff; } .rate { fill: #2f6fd0; } .spread { stroke: #1f2328; stroke-width: 1.5; }
              .part0 { fill: #2f6fd0; } .part1 { fill: #d1793b; } .part2 { fill: #3f8f5f; } .part3 { fill: #8a63c9; }
              .part4 { fill: #c2477f; } .part5 { fill: #7a7f87; } .part6 { fill: #b59b1f; }
              @media (prefers-color-scheme: dark) {
                text { fill: #e6edf3; } .small { fill: #9198a1; } .back { fill: #0d1117; }
                .rate, .part0 { fill: #6ea1f0; } .part1 { fill: #e59a63; } .part2 { fill: #66b98a; } .part3 { fill: #b394e8; }
                .part4 { fill: #e583ae; } .part5 { fill: #9aa1aa; } .part6 { fill: #d9c45c; } .spread { stroke: #e6edf3; }
              }
            </style>
            <rect class="back" width="{{Width}}" height="{{y + 4}}"/>
            <text x="12" y="22" class="small">{{SecurityElement.Escape(caption)}}</text>
            {{body}}</svg>

            """);
    }

    private static int Panel(StringBuilder body, ScenarioResult result, int y)
    {
        var rows = result.Rows;
        body.AppendLine(Text($"""<text x="12" y="{y + 18}" class="title">{SecurityElement.Escape(result.Title)}</text>"""));
        var latency = rows.Any(row => row.Latency is not null);
        body.AppendLine(Text($"""<text x="{LabelWidth + 12}" y="{y + 36}" class="small">{(latency ? "ms: p50 / p99 / p99.9, the bar is p99" : result.Unit + "s per second")}</text>"""));
        Legend(body, rows.FirstOrDefault(row => row.Parts is not null)?.Parts ?? [], y + 36);
        y += 44;
        var mostLeft = rows.Max(row => latency ? row.Latency?.P99.Most ?? 0 : row.Rate?.Most ?? 0);
        var mostCpu = rows.Max(row => row.Cpu?.Median ?? 0);
        foreach (var row in rows)
        {
            body.AppendLine(Text($"""<text x="12" y="{y + 14}">{SecurityElement.Escape(row.Name)}</text>"""));
            if (row.Latency is { } l)
            {
                Bar(body, l.P99, mostLeft, y, Text($"{l.P50.Median:0.0} / {l.P99.Median:0.0} / {l.P999.Median:0.0}"));
            }
            else if (row.Rate is { } rate && !latency)
            {
                Bar(body, rate, mostLeft, y, Text($"{rate.Median:N0}"));
            }

            Cpu(body, row, mostCpu, y);
            y += RowHeight;
        }

        return y + 12;
    }

    private static void Legend(StringBuilder body, IReadOnlyList<CpuPart> parts, int y)
    {
        var x = CpuLeft;
        body.AppendLine(Text($"""<text x="{x}" y="{y}" class="small">CPU us:</text>"""));
        x += 48;
        for (var index = 0; index < parts.Count; index++)
        {
            body.AppendLine(Text($"""<rect x="{x}" y="{y - 9}" width="9" height="9" class="part{index}"/><text x="{x + 12}" y="{y}" class="small">{SecurityElement.Escape(parts[index].Name)}</text>"""));
            x += 22 + 6 * parts[index].Name.Length;
        }
    }

    private static void Bar(StringBuilder body, Spread value, double most, int y, string label)
    {
        double X(double of) => LabelWidth + 12 + of / most * BarWidth;
        body.AppendLine(Text($"""<rect x="{LabelWidth + 12}" y="{y + 2}" width="{Math.Max(1, value.Median / most * BarWidth):0.0}" height="16" class="rate"/>"""));
        body.AppendLine(Text($"""<line x1="{X(value.Least):0.0}" x2="{X(value.Most):0.0}" y1="{y + 10}" y2="{y + 10}" class="spread"/>"""));
        body.AppendLine(Text($"""<text x="{X(value.Most) + 6:0.0}" y="{y + 14}">{label}</text>"""));
    }

    private static void Cpu(StringBuilder body, ResultRow row, double most, int y)
    {
        if (row.Parts is not { } parts || most <= 0)
        {
            return;
        }

        double x = CpuLeft;
        for (var index = 0; index < parts.Count; index++)
        {
            var width = parts[index].Micros / most * BarWidth;
            body.AppendLine(Text($"""<rect x="{x:0.0}" y="{y + 2}" width="{width:0.0}" height="16" class="part{index}"/>"""));
            x += width;
        }

        body.AppendLine(Text($"""<text x="{x + 6:0.0}" y="{y + 14}">{row.Cpu!.Value.Median:N0}</text>"""));
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
