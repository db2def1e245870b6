using System.CommandLine;
using System.CommandLine.Parsing;
using System.Diagnostics;
using System.Globalization;
using Shop.Operations;
using Shop.Operations.Journey;

namespace Shop.Cli.Journey;

/// <summary>Shows the history of one order, from the records of the four services.</summary>
internal static class JourneyCommand
{
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(250);

    public static Command Create()
    {
        var order = new Argument<Guid>("order")
        {
            Description = "its id, or its path /orders/<id>",
            CustomParser = Parse,
        };
        var wait = new Option<int>("--wait")
        {
            Description = "for how many seconds at most to wait until nothing is missing",
            HelpName = "seconds",
            DefaultValueFactory = _ => 0,
        };
        wait.Validators.Add(Numbers.Between(wait, 0, 600));
        var command = new Command("journey", About.Text("the history of an order, across all services", """
            Queries the services' APIs, as staff: Ordering's history, Inventory's stock movements, the events that Analytics has logged, and
            Notification's mail. Lists what is missing at the end, with where to look.
            """))
        {
            order, wait,
        };
        command.SetAction((parsed, ct) => RunAsync(parsed.GetValue(order), TimeSpan.FromSeconds(parsed.GetValue(wait)), ct));
        return command;
    }

    private static Guid Parse(ArgumentResult result)
    {
        var word = result.Tokens[0].Value;
        if (!Guid.TryParse(word.Trim('/').Split('/')[^1], out var id))
        {
            result.AddError($"'{word}' is not an order id: an id is like 019a3c1e-7d52-7c11-b2a5-3f0e9c4d8a61.");
        }

        return id;
    }

    private static Task<int> RunAsync(Guid id, TimeSpan timeout, CancellationToken ct) => Staff.AskAsync(async staff =>
    {
        var waited = Stopwatch.StartNew();
        while (true)
        {
            var records = await OrderRecords.ReadAsync(staff, id, ct)
                ?? throw new FailureException($"there is no order {id} in {Staff.AddressOf("ordering").GetLeftPart(UriPartial.Authority)}.");
            var gaps = Gaps.In(records, TimeProvider.System.GetUtcNow());
            if (gaps.All(gap => gap.IsFinal) || waited.Elapsed >= timeout)
            {
                Write(records, gaps);
                return 0;
            }

            await Task.Delay(s_interval, ct);
        }
    }, ct);

    private static void Write(OrderRecords records, IReadOnlyList<Gap> gaps)
    {
        var order = records.Order;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"Order {order.Id}: {order.Status}, {order.Total:0.00} {order.Currency}, placed {order.PlacedAt:yyyy-MM-dd HH:mm:ss} UTC."));
        var cause = Cause.Of(records, gaps, TimeProvider.System.GetUtcNow());
        Console.WriteLine(Terminal.Safe(cause.What) + (cause.Where is { } where ? $" {where.Command}" : ""));
        Console.WriteLine();
        var steps = Story.Of(records);
        var width = steps.Select(step => step.Service.Length).DefaultIfEmpty().Max();
        foreach (var step in steps)
        {
            var after = string.Create(CultureInfo.InvariantCulture, $"{(step.At - order.PlacedAt).TotalSeconds,+9:+0.000;-0.000} s");
            Console.WriteLine($"  {after}  {step.Service.PadRight(width)}  {Terminal.Safe(step.What)}");
        }

        Console.WriteLine();
        Console.WriteLine(gaps.Count == 0 ? "Nothing is missing." : "Missing:");
        foreach (var gap in gaps)
        {
            Console.WriteLine($"  {gap}");
        }
    }
}
