using System.CommandLine;
using Shop.Cli.Setup;

namespace Shop.Cli.Concepts;

/// <summary>Lists the types on the path of an order from its request to its confirmation.</summary>
internal static class ConceptsCommand
{
    // The steps of the way. What is between them, the outbox, the broker and the inbox, is the library's.
    private static readonly (string Service, string Type, string Step)[] s_way =
    [
        ("Ordering", "Shop.Ordering.Features.PlaceOrder.PlaceOrderEndpoint", "the request"),
        ("Ordering", "Shop.Ordering.Features.OrderHistory.RecordHistory", "a handler before the commit"),
        ("Inventory", "Shop.Inventory.Features.ReserveStock.OrderPlacedConsumer", "Inventory consumes OrderPlaced"),
        ("Ordering", "Shop.Ordering.Features.AnswerFromInventory.StockReservedConsumer", "Ordering consumes it and confirms the order"),
        ("Ordering", "Shop.Ordering.Features.CustomerStanding.CountConfirmedOrder", "another handler before the commit"),
    ];

    // Where domain events become integration events. Each names all events of its service, also those that are not on the way.
    private static readonly (string Service, string Type)[] s_switches =
        [("Ordering", "Shop.Ordering.PublishedEvents"), ("Inventory", "Shop.Inventory.PublishedEvents")];

    public static Command Create()
    {
        var command = new Command("concepts", About.Text("the types to know for an order that is placed and confirmed", """
            Follows the compiled code of the services and contracts from the request to the confirmation, and lists each type of Shop that
            it names. Of the library and of ServiceDefaults only what this code uses is counted. A nested type counts as the one around it.
            """));
        command.SetAction(async (_, ct) =>
        {
            await Build.EnsureAsync(ct);
            string File(string service, string assembly) =>
                Path.Combine(ShopHome.Repository, "services", service, "bin", "Release", "net10.0", assembly + ".dll");
            var reached = new ReachedTypes([File("Ordering", "Ordering"), File("Inventory", "Inventory"), File("Ordering", "Shop.Contracts")]);
            foreach (var (service, type, step) in s_way)
            {
                var before = reached.ProjectOf.Keys.ToHashSet();
                reached.Read(service, type);
                Console.WriteLine($"{step}: {type}");
                foreach (var project in reached.ProjectOf.Where(found => !before.Contains(found.Key)).GroupBy(found => found.Value, found => found.Key))
                {
                    Console.WriteLine($"  {project.Key}: {string.Join(", ", project.Select(Short))}");
                }
            }

            var onTheWay = reached.ProjectOf.GroupBy(found => found.Value).Select(group => $"{group.Count()} of {group.Key}").ToList();
            var count = reached.ProjectOf.Count + s_switches.Length;
            s_switches.ToList().ForEach(mapping => reached.Read(mapping.Service, mapping.Type));
            Console.WriteLine($"domain events become integration events: {string.Join(", ", s_switches.Select(mapping => mapping.Type))}");
            Console.WriteLine($"{count} types: {string.Join(", ", onTheWay)}, and the {s_switches.Length} mappings;");
            Console.WriteLine($"{reached.ProjectOf.Count - count} events that only the mappings name, most of them of other stories.");
            return 0;
        });
        return command;
    }

    private static string Short(string type) => type[(type.LastIndexOf('.') + 1)..];
}
