using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Net;
using Shop.Cli.Demo;
using Shop.Cli.Running;

namespace Shop.Cli.Journey;

/// <summary>Tells the story of one order, from what the four services hold of it.</summary>
internal static class JourneyCommand
{
    public static Command Create()
    {
        var order = new Argument<Guid>("order")
        {
            Description = "its id, or its path /orders/<id>",
            CustomParser = Parse,
        };
        var command = new Command("journey", About.Text("what became of an order, in time order", """
            Asks the services' own APIs, as staff: Ordering's history, Inventory's stock movements, the events that Analytics has logged, and
            Notification's mail. What should be there and is not is named at the end, with where to look.
            """))
        {
            order,
        };
        command.SetAction((parsed, ct) => RunAsync(parsed.GetValue(order), ct));
        return command;
    }

    private static Guid Parse(ArgumentResult result)
    {
        var word = result.Tokens[0].Value;
        if (!Guid.TryParse(word.Trim('/').Split('/')[^1], out var id))
        {
            result.AddError($"'{word}' is no order: an id is like 019a3c1e-7d52-7c11-b2a5-3f0e9c4d8a61.");
        }

        return id;
    }

    private static async Task<int> RunAsync(Guid id, CancellationToken ct)
    {
        await RunningShop.RequireAsync(ct);
        using var api = new ShopApi(new Dictionary<string, Uri>());
        var records = await OrderRecords.ReadAsync(api, id, ct)
            ?? throw new FailureException($"there is no order {id} in {StaffApi.AddressOf("ordering").GetLeftPart(UriPartial.Authority)}.");
        Write(records);
        return 0;
    }

    private static void Write(OrderRecords records)
    {
        var order = records.Order;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"Order {order.Id}: {order.Status}, {order.Total:0.00} {order.Currency}, placed {order.PlacedAt:yyyy-MM-dd HH:mm:ss} UTC."));
        Console.WriteLine();
        var steps = Story.Of(records);
        var width = steps.Max(step => step.Service.Length);
        foreach (var step in steps)
        {
            var after = string.Create(CultureInfo.InvariantCulture, $"{(step.At - order.PlacedAt).TotalSeconds,+9:+0.000;-0.000} s");
            Console.WriteLine($"  {after}  {step.Service.PadRight(width)}  {Terminal.Safe(step.What)}");
        }

        Console.WriteLine();
        var gaps = Gaps.In(records, TimeProvider.System.GetUtcNow());
        Console.WriteLine(gaps.Count == 0 ? "Nothing is missing." : "Missing:");
        foreach (var gap in gaps)
        {
            Console.WriteLine($"  {gap}");
        }
    }
}
