using System.Text.RegularExpressions;

namespace Shop.Architecture.Tests;

/// <summary>
/// The diagrams of the shop's services say what is so: an arrow between two services has integration events that the one publishes and the
/// other consumes, a service's box has domain events that stay in it.
/// </summary>
public sealed class DiagramTests
{
    [Theory]
    [InlineData("README.md")]
    [InlineData("docs/tour.md")]
    public void Each_event_of_the_diagram_goes_where_its_arrow_goes(string page) =>
        Assert.Empty(new EventDiagram(File.ReadAllText(Path.Combine(Code.Repository, page))).Faults());

    [Fact]
    public void The_diagram_of_the_system_has_each_event_that_a_service_acts_on()
    {
        var tour = new EventDiagram(File.ReadAllText(Path.Combine(Code.Repository, "docs", "tour.md")));

        Assert.Empty(EventDiagram.Events.SelectMany(row => row.Consumers.Except(["Analytics"]).Select(consumer => (row.Publisher, row.Name, consumer)))
            .Except(tour.Arrows.SelectMany(arrow => arrow.Events.Select(name => (arrow.From, name, arrow.To)))));
    }

    [Theory]
    [InlineData("ordering -- \"StockReserved\" --> inventory[Inventory]", "Ordering does not publish StockReserved")]
    [InlineData("ordering -- \"OrderConfirmed\" --> inventory[Inventory]", "Inventory does not consume OrderConfirmed")]
    [InlineData("ordering & inventory -- \"every event\" --> notification", "Notification does not consume StockReserved")]
    [InlineData("ordering --> inventory", "Ordering to Inventory has no event")]
    [InlineData("client([client]) -- \"POST\" --> ordering[Ordering<br/>OrderPlaced]", "OrderPlaced does not stay inside Ordering")]
    [InlineData("inventory[\"Inventory<br/>OrderLineAdded\"] --> hook", "OrderLineAdded does not stay inside Inventory")]
    public void A_wrong_arrow_or_box_is_found(string line, string fault) =>
        Assert.Contains(fault, new EventDiagram($"```mermaid\nflowchart LR\n    {line}\n```\n").Faults());
}

/// <summary>An arrow between services and the events on it; all of the publisher's where it says "every" or "all".</summary>
internal sealed record EventArrow(string From, string To, IReadOnlyList<string> Events);

/// <summary>The first diagram of a page.</summary>
internal sealed partial class EventDiagram
{
    private static readonly Dictionary<string, HashSet<string>> s_domainEvents = Code.Services.ToDictionary(name => name, name => Code.Service(name).AllTypes()
        .Where(type => type.BaseType?.Name == "DomainEvent").Select(type => type.Name).ToHashSet());

    private readonly List<(string Service, string Name)> _inside = [];

    public EventDiagram(string page)
    {
        var arrows = new List<EventArrow>();
        foreach (var line in page.Split("```mermaid\n")[1].Split("\n```")[0].Split('\n'))
        {
            var nodes = Line().Split(line); // each second one is the text of an arrow
            _inside.AddRange(nodes.Where((_, i) => i % 2 == 0).SelectMany(node => EventName().Matches(node).Select(name => (Service(node), name.Value))));
            for (var i = 0; i + 2 < nodes.Length; i += 2)
            {
                var (sources, text, targets) = (nodes[i].Split('&').Select(Service), nodes[i + 1], nodes[i + 2].Split('&').Select(Service));
                arrows.AddRange(sources.Intersect(Code.Services).SelectMany(source => targets.Intersect(Code.Services)
                    .Select(target => new EventArrow(source, target, [.. EventsOn(text, source)]))));
            }
        }

        Arrows = arrows;
    }

    /// <summary>Who publishes and who consumes which event, by docs/events.md, which is made of the code.</summary>
    public static IReadOnlyList<(string Name, string Publisher, IReadOnlyList<string> Consumers)> Events { get; } = [.. ReadEvents()];

    public IReadOnlyList<EventArrow> Arrows { get; }

    public IEnumerable<string> Faults()
    {
        foreach (var (from, to, events) in Arrows)
        {
            if (events.Count == 0)
            {
                yield return $"{from} to {to} has no event";
            }

            foreach (var name in events)
            {
                if (!Events.Any(row => row.Name == name && row.Publisher == from))
                {
                    yield return $"{from} does not publish {name}";
                }
                else if (!Events.Any(row => row.Name == name && row.Consumers.Contains(to)))
                {
                    yield return $"{to} does not consume {name}";
                }
            }
        }

        foreach (var (service, name) in _inside.Where(one => !s_domainEvents[one.Service].Contains(one.Name) || Events.Any(row => row.Name == one.Name)))
        {
            yield return $"{name} does not stay inside {service}";
        }
    }

    private static IEnumerable<string> EventsOn(string text, string publisher) => All().IsMatch(text)
        ? Events.Where(row => row.Publisher == publisher).Select(row => row.Name)
        : EventName().Matches(text).Select(name => name.Value);

    private static string Service(string node) => node.Trim() is [var first, .. var rest] ? char.ToUpperInvariant(first) + NodeName().Match(rest).Value : "";

    private static IEnumerable<(string Name, string Publisher, IReadOnlyList<string> Consumers)> ReadEvents()
    {
        var rows = File.ReadLines(Path.Combine(Code.Repository, "docs", "events.md")).Where(line => line.StartsWith('|'))
            .TakeWhile(line => !line.StartsWith("| member", StringComparison.Ordinal)).Select(line => line.Trim('|').Split('|', StringSplitOptions.TrimEntries)).ToList();
        return rows.Skip(2).Select(cells => (
            string.Concat(WireName().Match(cells[0]).Groups["name"].Value.Split('-').Select(word => char.ToUpperInvariant(word[0]) + word[1..])),
            rows[0][Array.IndexOf(cells, "**publishes**")],
            (IReadOnlyList<string>)[.. rows[0].Where((_, i) => i > 0 && cells[i].StartsWith('`'))]));
    }

    [GeneratedRegex("""\s--((?: "[^"]*" --)?)>\s""")]
    private static partial Regex Line();

    [GeneratedRegex("^ \"(?:all|every) ")]
    private static partial Regex All();

    /// <summary>At least two words in one: a service's name is one.</summary>
    [GeneratedRegex(@"\b(?:[A-Z][a-z]+){2,}\b")]
    private static partial Regex EventName();

    [GeneratedRegex(@"^\w*")]
    private static partial Regex NodeName();

    [GeneratedRegex(@"\.(?<name>[a-z-]+)\.v\d")]
    private static partial Regex WireName();
}
