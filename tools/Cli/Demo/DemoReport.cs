using System.Globalization;
using Shop.Operations;
using Spectre.Console;

namespace Shop.Cli.Demo;

/// <summary>The report of a demo run.</summary>
internal static class DemoReport
{
    private const int MaxProblems = 10;

    public static void Write(ShopApi api, DemoRecord record, IReadOnlyList<Finding> findings)
    {
        var visits = record.Orders.Count + record.Refused + record.Surprises.Count;
        List<(string What, string Value)> rows =
        [
            ("Visits", $"{visits}: {Words.Count(record.Orders.Count, "order")} placed, "
                + $"{Words.Count(record.Refused, "bad one")} rejected as expected"),
            ("Of the orders", $"{record.Cancelled} cancelled, {record.Shipped} shipped; {record.Repeats} were sent again with the same "
                + "Idempotency-Key, and got the same answer"),
            ("Requests repeated", $"{api.Repeated}, because something was down"),
        ];
        if (record.Orders.Count == 1)
        {
            rows.Add(("Its story", $"./shop journey {record.Orders.Keys.Single()}"));
        }

        var times = record.ConfirmMilliseconds.Order().ToList();
        if (times.Count > 0)
        {
            rows.Add(("POST to confirmed", string.Create(CultureInfo.InvariantCulture,
                $"p50 {At(times, 50):0}, p99 {At(times, 99):0}, max {times[^1]:0} ms")));
        }

        if (!record.EarlyMilliseconds.IsEmpty)
        {
            rows.Add(("", string.Create(CultureInfo.InvariantCulture,
                $"(the first {record.EarlyMilliseconds.Count}, one after another, apart: slowest {record.EarlyMilliseconds.Max():0} ms)")));
        }

        AnsiConsole.WriteLine();
        var width = rows.Max(row => row.What.Length);
        rows.ForEach(row => AnsiConsole.WriteLine($"  {row.What.PadRight(width)}  {row.Value}"));
        AnsiConsole.WriteLine();
        foreach (var finding in findings)
        {
            var (colour, verdict) = finding.Violations.Count == 0 ? ("green", "holds") : ("red", "IS BROKEN");
            AnsiConsole.MarkupLineInterpolated($"  [{colour}]{finding.Name} {verdict}[/]  {finding.What}");
        }

        foreach (var problem in findings.SelectMany(f => f.Violations.Take(MaxProblems).Select(v => $"{f.Name}: {v}"))
            .Concat(record.Surprises.Take(MaxProblems)))
        {
            AnsiConsole.MarkupLineInterpolated($"  [red]{problem}[/]");
        }
    }

    /// <summary>The nearest-rank percentile.</summary>
    private static double At(List<double> sorted, int percent) => sorted[Math.Max(0, (int)Math.Ceiling(sorted.Count * percent / 100.0) - 1)];
}
