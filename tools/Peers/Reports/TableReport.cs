using System.Globalization;
using System.Text;
using Shop.Benchmarks;
using Shop.Benchmarks.Reports;

namespace Shop.Peers.Reports;

/// <summary>The results as tables in a Markdown file, between two lines that mark them; what else is in the file stays.</summary>
internal static class TableReport
{
    private const string Begin = "<!-- measured -->";
    private const string End = "<!-- /measured -->";

    public static void Write(string file, Measurements measurements)
    {
        var text = File.Exists(file) ? File.ReadAllText(file) : $"{Begin}\n{End}\n";
        var (begin, end) = (text.IndexOf(Begin, StringComparison.Ordinal), text.IndexOf(End, StringComparison.Ordinal));
        if (begin < 0 || end < begin)
        {
            throw new InvalidOperationException($"{file} has no lines '{Begin}' and '{End}', between which the tables belong.");
        }

        File.WriteAllText(file, $"{text[..(begin + Begin.Length)]}\n\n{Tables(measurements)}\n{text[end..]}");
    }

    private static string Tables(Measurements measurements)
    {
        var text = new StringBuilder();
        var machine = measurements.Machine;
        text.AppendLine(CultureInfo.InvariantCulture,
            $"{machine.Cores} cores ({machine.Processor}), {machine.Runtime}, PostgreSQL {machine.Postgres}, RabbitMQ {machine.Broker}.");
        foreach (var (at, result) in measurements.Scenarios)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"\n### {result.Title}\n");
            if (result.Rows.Count > 0)
            {
                Table(text, result);
                text.AppendLine();
            }

            var others = result.Rows.Count > 0 ? $", others used at most {result.Rows.Max(row => row.OtherCores):0.0} cores" : "";
            text.AppendLine(CultureInfo.InvariantCulture, $"`{result.Name}`, {at:yyyy-MM-dd}{(result.Quick ? ", --quick" : "")}{others}.\n");
            foreach (var finding in result.Findings)
            {
                text.AppendLine($"- {ScreenReport.Sentence(finding)}");
            }
        }

        return text.ToString();
    }

    private static void Table(StringBuilder text, ScenarioResult result)
    {
        var parts = result.Rows.FirstOrDefault(row => row.Parts is not null)?.Parts?.Select(part => part.Name).ToList() ?? [];
        var latency = result.Rows.Any(row => row.Latency is not null);
        string[] columns = [.. latency ? ["p50 ms", "p99 ms"] : (string[])[$"{result.Unit}s/s"], $"CPU µs per {result.Unit}", .. parts];
        text.AppendLine($"| | {string.Join(" | ", columns)} |");
        text.AppendLine($"|---|{string.Concat(Enumerable.Repeat("---|", columns.Length))}");
        foreach (var row in result.Rows)
        {
            string[] cells = [.. latency
                    ? [ScreenReport.Show(row.Latency?.P50, "0.0"), ScreenReport.Show(row.Latency?.P99, "0.0")]
                    : (string[])[ScreenReport.Show(row.Rate, "N0")],
                ScreenReport.Show(row.Cpu, "N0"),
                .. parts.Select((_, index) => row.Parts?[index].Micros.ToString("N0", CultureInfo.InvariantCulture) ?? "")];
            text.AppendLine($"| {row.Name} | {string.Join(" | ", cells)} |");
        }
    }
}
