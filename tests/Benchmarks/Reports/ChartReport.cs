using System.Globalization;
using System.Security;
using System.Text;

namespace Shop.Benchmarks.Reports;

/// <summary>Bars for rates and for CPU per event, each scenario on a scale of its own, as an SVG that is readable on light and on dark.</summary>
internal static class ChartReport
{
    private const int Width = 860;
    private const int LabelWidth = 230;
    private const int BarWidth = 210;
    private const int RowHeight = 26;

    public static void Write(string file, Measurements found)
    {
        var body = new StringBuilder();
        var y = 54;
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
              .application { fill: #2f6fd0; } .postgres { fill: #d1793b; } .broker { fill: #3f8f5f; }
              @media (prefers-color-scheme: dark) {
                text { fill: #e6edf3; } .small { fill: #9198a1; } .back { fill: #0d1117; }
                .rate, .application { fill: #6ea1f0; } .postgres { fill: #e59a63; } .broker { fill: #66b98a; } .spread { stroke: #e6edf3; }
              }
            </style>
            <rect class="back" width="{{Width}}" height="{{y + 4}}"/>
            <text x="12" y="22" class="small">{{SecurityElement.Escape(caption)}}</text>
            <text x="{{LabelWidth + 12}}" y="42" class="small">per second</text>
            {{Legend()}}
            {{body}}</svg>

            """);
    }

    private static string Legend()
    {
        var x = LabelWidth + BarWidth + 110;
        (string Class, string Name, int At)[] parts = [("application", "application", 78), ("postgres", "PostgreSQL", 158), ("broker", "RabbitMQ", 238)];
        return Text($"""<text x="{x}" y="42" class="small">CPU each, us:</text>""") + string.Concat(parts.Select(part => Text(
            $"""<rect x="{x + part.At}" y="33" width="10" height="10" class="{part.Class}"/><text x="{x + part.At + 14}" y="42" class="small">{part.Name}</text>""")));
    }

    private static int Panel(StringBuilder body, ScenarioResult result, int y)
    {
        body.AppendLine(Text($"""<text x="12" y="{y + 18}" class="title">{SecurityElement.Escape(result.Title)}</text>"""));
        y += 30;
        var mostRate = result.Rows.Max(row => row.Rate?.Most ?? 0);
        var mostCpu = result.Rows.Max(row => row.Cpu?.Median ?? 0);
        foreach (var row in result.Rows)
        {
            body.AppendLine(Text($"""<text x="12" y="{y + 14}">{SecurityElement.Escape(row.Name)}</text>"""));
            Rate(body, row, mostRate, y);
            Cpu(body, row, mostCpu, y);
            y += RowHeight;
        }

        return y + 12;
    }

    private static void Rate(StringBuilder body, ResultRow row, double most, int y)
    {
        if (row.Rate is not { } rate || most <= 0)
        {
            return;
        }

        double X(double value) => LabelWidth + 12 + value / most * BarWidth;
        body.AppendLine(Text($"""<rect x="{LabelWidth + 12}" y="{y + 2}" width="{Math.Max(1, rate.Median / most * BarWidth):0.0}" height="16" class="rate"/>"""));
        body.AppendLine(Text($"""<line x1="{X(rate.Least):0.0}" x2="{X(rate.Most):0.0}" y1="{y + 10}" y2="{y + 10}" class="spread"/>"""));
        body.AppendLine(Text($"""<text x="{X(rate.Most) + 6:0.0}" y="{y + 14}">{rate.Median:N0}</text>"""));
    }

    private static void Cpu(StringBuilder body, ResultRow row, double most, int y)
    {
        if (row.Split is not { } split || most <= 0)
        {
            return;
        }

        double x = LabelWidth + BarWidth + 110;
        foreach (var (name, micros) in ((string, double)[])[("application", split.Application), ("postgres", split.Postgres), ("broker", split.Broker)])
        {
            var width = micros / most * BarWidth;
            body.AppendLine(Text($"""<rect x="{x:0.0}" y="{y + 2}" width="{width:0.0}" height="16" class="{name}"/>"""));
            x += width;
        }

        body.AppendLine(Text($"""<text x="{x + 6:0.0}" y="{y + 14}">{row.Cpu!.Value.Median:N0}</text>"""));
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
