using System.Diagnostics;
using Spectre.Console;

namespace Shop.Cli.Demo;

/// <summary>Plays a shop's day against the running system and checks the design's invariants I1 to I5 at its end.</summary>
internal static class DemoCommand
{
    public static Command Command { get; } = new(
        "demo",
        "demo [--orders N] [--rate R] [--seed S] [--until FILE] [--at name=URL,...]",
        "Plays a shop's day: a few first visits, then N (100) at R per second (10), or more until FILE is there, and checks that "
            + "nothing was lost or repeated.",
        RunAsync);

    private static async Task<int> RunAsync(Arguments arguments, CancellationToken ct)
    {
        var orders = arguments.Number("--orders", 100, 1, 100_000);
        var rate = arguments.Number("--rate", 10.0, 0.1, 1_000);
        var seed = arguments.Number("--seed", Random.Shared.Next(), 0, int.MaxValue);
        var until = arguments.Option("--until");
        var addresses = Addresses(arguments.Option("--at"));
        arguments.End();
        using var api = new ShopApi(addresses);
        var record = new DemoRecord();
        var run = new DemoRun(api, record, seed);
        var goOn = until is null ? "" : $", and on until {until} is there";
        AnsiConsole.WriteLine($"{orders} visits at {rate:0.#} per second, seed {seed}{goOn}.");
        try
        {
            await run.OpenAsync(orders, ct);
            await run.FirstVisitsAsync(ct);
            await VisitsAsync(run, record, orders, rate, until, ct);
        }
        catch (Exception e) when (e is HttpRequestException or TimeoutException or Polly.Timeout.TimeoutRejectedException)
        {
            await Console.Error.WriteLineAsync($"The shop did not answer for a minute: {e.Message}\nIs it up? ./shop status says so, ./shop up starts it.");
            return 1;
        }

        AnsiConsole.WriteLine("Every visit is over; checking what the four services say.");
        var findings = await new Invariants(api, record).CheckAsync(ct);
        Report(api, record, findings);
        return findings.All(finding => finding.Violations.Count == 0) && record.Surprises.IsEmpty ? 0 : 1;
    }

    /// <summary>Where the services are, of a shop that is not this machine's; empty for this one.</summary>
    private static Dictionary<string, Uri> Addresses(string? at)
    {
        var addresses = new Dictionary<string, Uri>();
        foreach (var entry in at?.Split(',') ?? [])
        {
            if (entry.Split('=', 2) is not [var name, var url] || !ShopApi.Names.Contains(name) || !Uri.TryCreate(url, UriKind.Absolute, out var uri))
            {
                throw new UsageException($"--at takes {ShopApi.Names[0]}=http://host:port,... for some of {string.Join(", ", ShopApi.Names)}, not '{entry}'.");
            }

            addresses[name] = uri;
        }

        return addresses;
    }

    private static Task VisitsAsync(DemoRun run, DemoRecord record, int orders, double rate, string? until, CancellationToken ct) =>
        AnsiConsole.Progress().Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn())
            .StartAsync(async progress =>
            {
                var bar = progress.AddTask("Customers", maxValue: orders);
                var begun = Stopwatch.StartNew();
                List<Task> visits = [];
                for (var number = 0; number < orders || (until is not null && !File.Exists(until)); number++)
                {
                    bar.MaxValue = Math.Max(orders, number + 1);
                    var due = TimeSpan.FromSeconds(number / rate) - begun.Elapsed;
                    if (due > TimeSpan.Zero)
                    {
                        await Task.Delay(due, ct);
                    }

                    visits.Add(VisitAsync(run, number, bar, ct));
                    bar.Description = $"Customers: {record.Orders.Count} orders, {record.Shipped} shipped, {record.Cancelled} cancelled";
                }

                await Task.WhenAll(visits);
            });

    private static async Task VisitAsync(DemoRun run, int number, ProgressTask bar, CancellationToken ct)
    {
        await run.VisitAsync(number, ct);
        bar.Increment(1);
    }

    private static void Report(ShopApi api, DemoRecord record, IReadOnlyList<Finding> findings)
    {
        var times = record.ConfirmMilliseconds.Order().ToList();
        var table = new Table().Border(TableBorder.Rounded).AddColumns("", "");
        table.HideHeaders();
        table.AddRow("Orders placed", $"{record.Orders.Count}");
        table.AddRow("Refused as they should be", $"{record.Refused}");
        table.AddRow("Same key sent twice", $"{record.Repeats}");
        table.AddRow("Cancelled, shipped", $"{record.Cancelled}, {record.Shipped}");
        table.AddRow("Requests repeated because something was down", $"{api.Repeated}");
        if (times.Count > 0)
        {
            table.AddRow("POST to confirmed, p50 / p99 / max", $"{At(times, 50):0} / {At(times, 99):0} / {times[^1]:0} ms");
        }

        if (!record.EarlyMilliseconds.IsEmpty)
        {
            table.AddRow("The same for the first orders, slowest", $"{record.EarlyMilliseconds.Max():0} ms");
        }

        foreach (var finding in findings)
        {
            var holds = finding.Violations.Count == 0;
            table.AddRow(new Markup(holds ? $"[green]{finding.Name} holds[/]" : $"[red]{finding.Name} IS BROKEN[/]"), new Text(finding.What));
        }

        AnsiConsole.Write(table);
        foreach (var problem in findings.SelectMany(f => f.Violations.Take(10).Select(v => $"{f.Name}: {v}")).Concat(record.Surprises.Take(10)))
        {
            AnsiConsole.MarkupLineInterpolated($"[red]{problem}[/]");
        }
    }

    /// <summary>The nearest-rank percentile.</summary>
    private static double At(List<double> sorted, int percent) => sorted[Math.Max(0, (int)Math.Ceiling(sorted.Count * percent / 100.0) - 1)];
}
