namespace Shop.Inventory.Tests;

/// <summary>A reservation is rehearsed and rolled back at the start, so that the first customers do not wait for what is prepared once.</summary>
public sealed class RehearsalTests(RehearsalTests.QuietInventory inventory) : IClassFixture<RehearsalTests.QuietInventory>
{
    /// <summary>Three events: the product is listed and gets stock, and it is reserved.</summary>
    [Fact]
    public async Task The_rehearsed_reservation_is_stored_with_its_event_and_leaves_nothing() =>
        Assert.Empty(await Rehearsed.FilledTablesAsync(inventory.Database, events: 3, "products", "reservations", "stock_movements"));

    /// <summary>One of its own: no other test makes products in it.</summary>
    public sealed class QuietInventory : ServiceFixture<Program>, IAsyncLifetime;
}
