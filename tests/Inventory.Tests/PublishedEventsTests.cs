using System.Diagnostics;
using Shop.Inventory.Domain;
using Shop.Messaging.DomainEvents;
using V1 = Shop.Contracts.Inventory.V1;

namespace Shop.Inventory.Tests;

public sealed class PublishedEventsTests
{
    private static readonly DateTimeOffset s_now = new(2026, 11, 22, 9, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Every_domain_event_of_Inventory_is_in_PublishedEvents()
    {
        var types = typeof(Product).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(DomainEvent))).ToList();
        DomainEvent[] samples =
        [
            new ProductListed("A", 1, "Tea", 1, "EUR", s_now),
            new ProductPriceChanged("A", 2, 2, "EUR", s_now),
            new StockReceived("A", 3, 5, 5, s_now),
            new StockLevelLow("A", 4, 3, 3, s_now),
            new StockReserved(Guid.CreateVersion7(s_now), 1, [new("A", 1)], s_now.AddDays(1), s_now),
            new StockReservationFailed(Guid.CreateVersion7(s_now), 1, [new("A", 2, 1)], s_now),
            new StockReleased(Guid.CreateVersion7(s_now), 2, [new("A", 1)], s_now),
            new StockReservationExpired(Guid.CreateVersion7(s_now), 2, [new("A", 1)], s_now),
            new StockShipped(Guid.CreateVersion7(s_now), 2, [new("A", 1)], ShippedFrom.Reserved, s_now),
            new StockAdjusted("A", 5, -1, "broken", null, s_now),
        ];

        var published = PublishedEvents.From(samples).ToList();

        Assert.Equal(types.Order(ByName.Instance), samples.Select(sample => sample.GetType()).Order(ByName.Instance));
        Assert.Equal(
            [typeof(V1.ProductListed), typeof(V1.ProductPriceChanged), typeof(V1.StockReplenished), typeof(V1.StockLevelLow),
                typeof(V1.StockReserved), typeof(V1.StockReservationFailed), typeof(V1.StockReleased), typeof(V1.StockReservationExpired)],
            published.Select(e => e.GetType()));
        Assert.Equal(samples.Take(8).Select(e => e.EventId), published.Select(e => e.EventId));
    }

    [Fact]
    public void An_event_missing_in_PublishedEvents_is_an_error() =>
        Assert.Throws<UnreachableException>(() => PublishedEvents.From([new Undecided(s_now)]).ToList());

    private sealed record Undecided(DateTimeOffset At) : DomainEvent(At);

    private sealed class ByName : IComparer<Type>
    {
        public static readonly ByName Instance = new();

        public int Compare(Type? x, Type? y) => string.CompareOrdinal(x?.Name, y?.Name);
    }
}
