using System.Diagnostics;
using Shop.Contracts;
using Shop.Messaging.DomainEvents;
using Shop.Ordering.Domain;
using V2 = Shop.Contracts.Ordering.V2;

namespace Shop.Ordering.Tests;

/// <summary>Which domain events Ordering publishes, and how.</summary>
public sealed class PublishedEventsTests
{
    private static readonly DateTimeOffset s_now = new(2026, 11, 22, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void An_orders_placing_and_its_lines_fold_into_one_OrderPlaced()
    {
        var order = Order.Place("ada", [new("TEA-1", "Tea", 2, 4, "EUR"), new("CUP-1", "Cup", 1, 3.5m, "EUR")], 0, s_now, "web");
        var events = order.TakeEvents();

        var placed = Assert.IsType<V2.OrderPlaced>(Assert.Single(PublishedEvents.From(events)));

        Assert.Equal((events[0].EventId, order.Id, new Money(11.50m, "EUR"), "web"), (placed.EventId, placed.OrderId, placed.Total, placed.Channel));
        Assert.Equal([new("TEA-1", 2, new Money(4, "EUR")), new("CUP-1", 1, new Money(3.5m, "EUR"))], placed.Lines);
    }

    [Fact]
    public void Two_orders_in_one_unit_of_work_keep_their_lines_apart()
    {
        var first = Order.Place("ada", [new("TEA-1", "Tea", 2, 4, "EUR")], 0, s_now);
        var second = Order.Place("ada", [new("CUP-1", "Cup", 1, 3.5m, "EUR")], 0, s_now);

        var published = PublishedEvents.From([.. first.TakeEvents(), .. second.TakeEvents()]).Cast<V2.OrderPlaced>();

        Assert.Equal(["TEA-1", "CUP-1"], published.Select(placed => Assert.Single(placed.Lines).Sku));
    }

    [Fact]
    public void Every_domain_event_of_Ordering_is_in_PublishedEvents()
    {
        var known = typeof(Order).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(DomainEvent))).ToList();
        Assert.NotEmpty(known);

        foreach (var type in known)
        {
            var domainEvent = (DomainEvent)System.Runtime.CompilerServices.RuntimeHelpers.GetUninitializedObject(type);
            var error = Record.Exception(() => PublishedEvents.From([domainEvent]).ToList());
            Assert.False(error is UnreachableException, $"Decide in PublishedEvents whether {type.Name} is published.");
        }
    }

    [Fact]
    public void A_domain_event_missing_in_PublishedEvents_is_an_error() =>
        Assert.Throws<UnreachableException>(() => PublishedEvents.From([new Forgotten(s_now)]).ToList());

    private sealed record Forgotten(DateTimeOffset At) : DomainEvent(At);
}
