using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Shop.Cli.Running;
using Shop.Operations;
using Spectre.Console;

namespace Shop.Cli.Demo;

/// <summary>Simulates customers and staff against the running system, and checks the design's invariants I1 to I5 at the end.</summary>
internal static class DemoCommand
{
    private const int MostFirstVisits = 15;

    /// <summary>Customers of a shop that is down ask again and again: without a limit they would be the load that keeps it down.</summary>
    private const int MostAtOnce = 64;

    public static Command Create()
    {
        var orders = new Option<int>("--orders") { Description = "how many visits", DefaultValueFactory = _ => 100 };
        orders.Validators.Add(Numbers.Between(orders, 1, 100_000));
        var rate = new Option<double>("--rate") { Description = $"visits per second, at most {MostAtOnce} at a time", DefaultValueFactory = _ => 10 };
        rate.Validators.Add(Numbers.Between(rate, 0.1, 1_000));
        var seed = new Option<int?>("--seed") { Description = "repeats what the run with this number did; random without it" };
        var until = new Option<FileInfo?>("--until") { Description = "customers keep coming until there is such a file" };
        var timeout = new Option<int>("--timeout")
        {
            Description = "seconds to wait for any response, and at the end for events in flight: a busy machine may need more",
            DefaultValueFactory = _ => 60,
        };
        timeout.Validators.Add(Numbers.Between(timeout, 1, 86_400));
        var at = new Option<string?>("--at")
        {
            Description = "a shop elsewhere: ordering=http://host:port,inventory=...,notification=...,analytics=... The key that signs tokens "
                + "there is read from secrets/signing-key in the directory that SHOP_HOME names",
            HelpName = "name=url,...",
        };
        var command = new Command("demo", About.Text("simulate customers, and check the invariants", """
            Customers visit the running shop, most place an order, some badly, some cancel; staff ship. Then asks all four services whether
            anything was lost, repeated or oversold, and exits with 1 if something was.
            """))
        {
            orders, rate, seed, until, timeout, at,
        };
        command.SetAction((parsed, ct) => RunAsync(
            parsed.GetValue(orders), parsed.GetValue(rate), parsed.GetValue(seed) ?? Random.Shared.Next(), parsed.GetValue(until)?.FullName,
            TimeSpan.FromSeconds(parsed.GetValue(timeout)), Addresses(parsed.GetValue(at)), ct));
        return command;
    }

    private static async Task<int> RunAsync(
        int orders, double rate, int seed, string? until, TimeSpan timeout, Dictionary<string, Uri> addresses, CancellationToken ct)
    {
        if (addresses.Count < ShopApi.Names.Length)
        {
            await RunningShop.RequireAllAsync(ct);
        }

        using var api = new ShopApi(addresses, timeout);
        var record = new DemoRecord();
        var run = new DemoRun(api, record, seed);
        AnsiConsole.WriteLine(Announcement(orders, rate, seed, until));
        try
        {
            await run.OpenAsync(orders, ct);
            var first = Math.Min(MostFirstVisits, orders / 2);
            await run.FirstVisitsAsync(first, ct);
            await VisitsAsync(run, record, first, orders, rate, until, ct);
        }
        catch (Exception e) when (e is HttpRequestException or TimeoutException or Polly.Timeout.TimeoutRejectedException)
        {
            throw new FailureException($"the shop did not answer for {timeout.TotalSeconds:0} s: {e.Message}\nSee ./shop status.");
        }

        AnsiConsole.WriteLine("All visits are done. Checking the invariants across the four services: some seconds, more while events are in flight.");
        var findings = await new Invariants(api, record).CheckAsync(ct);
        DemoReport.Write(api, record, findings);
        return findings.All(finding => finding.Violations.Count == 0) && record.Surprises.IsEmpty ? 0 : ShopCommandLine.Failed;
    }

    private static string Announcement(int orders, double rate, int seed, string? until) => string.Create(CultureInfo.InvariantCulture,
        $"{Words.Count(orders, "visit")} at {rate:0.#} per second, about {Math.Ceiling(orders / rate)} s{(until is null ? "" : $", and more until {until} is there")}. "
            + $"--seed {seed} repeats them.");

    /// <summary>Where the services are, of a shop that is not this machine's; empty for this one.</summary>
    private static Dictionary<string, Uri> Addresses(string? at)
    {
        var addresses = new Dictionary<string, Uri>();
        foreach (var entry in at?.Split(',') ?? [])
        {
            if (entry.Split('=', 2) is not [var name, var url] || !ShopApi.Names.Contains(name) || !Uri.TryCreate(url, UriKind.Absolute, out var uri))
            {
                throw new UsageException($"--at must be {ShopApi.Names[0]}=http://host:port,... for some of {string.Join(", ", ShopApi.Names)}, not '{entry}'.");
            }

            addresses[name] = uri;
        }

        return addresses;
    }

    private static Task VisitsAsync(
        DemoRun run, DemoRecord record, int first, int orders, double rate, string? until, CancellationToken ct) =>
        AnsiConsole.Progress().Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn())
            .StartAsync(async progress =>
            {
                var bar = progress.AddTask("Customers", maxValue: orders);
                var begun = Stopwatch.StartNew();
                List<Task> visits = [];
                bar.Increment(first);
                for (var number = first; number < orders || (until is not null && !File.Exists(until)); number++)
                {
                    bar.MaxValue = Math.Max(orders, number + 1);
                    var due = TimeSpan.FromSeconds((number - first) / rate) - begun.Elapsed;
                    if (due > TimeSpan.Zero)
                    {
                        await Task.Delay(due, ct);
                    }

                    if (visits.Count == MostAtOnce)
                    {
                        var ended = await Task.WhenAny(visits);
                        visits.Remove(ended);
                        await ended;
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
}
