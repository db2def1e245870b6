namespace Shop.Ordering.Tests;

/// <summary>An order is placed, confirmed and rolled back at the start, so that the first customers do not wait for what is prepared once.</summary>
public sealed class RehearsalTests(OrderingService ordering) : IClassFixture<OrderingService>
{
    /// <summary>Three events: the order is placed, in two versions, and confirmed.</summary>
    [Fact]
    public async Task The_rehearsed_order_is_stored_with_its_events_and_leaves_nothing() =>
        Assert.Empty(await Rehearsed.FilledTablesAsync(ordering.Database, events: 3, "orders", "order_lines", "orders_history", "customers"));
}
