namespace Shop.Inventory.Tests;

/// <summary>A reservation is rehearsed and rolled back at the start, so that the first customers do not wait for what is prepared once.</summary>
public sealed class RehearsalTests(RehearsalTests.QuietInventory inventory) : IClassFixture<RehearsalTests.QuietInventory>
{
    [Fact]
    public async Task The_rehearsed_reservation_is_stored_with_its_event_and_leaves_nothing()
    {
        // An identity is not rolled back: that of the outbox shows how many events were stored, here of the product and of its reservation.
        await Eventually.HoldsAsync("a reservation was rehearsed with its event", async () =>
            await inventory.Database.ScalarAsync<long>("SELECT last_value FROM outbox_seq_seq") >= 3);

        await Eventually.HoldsAsync("it is rolled back", async () => await inventory.Database.ScalarAsync<long>("""
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND (state = 'active' OR backend_xid IS NOT NULL) AND query NOT LIKE '%pg_stat_activity%'
            """) == 0);
        foreach (var table in (string[])["products", "reservations", "stock_movements", "outbox", "outbox_parked"])
        {
            Assert.Equal(0, await inventory.Database.ScalarAsync<long>($"SELECT count(*) FROM {table}"));
        }
    }

    /// <summary>One of its own: no other test makes products in it.</summary>
    public sealed class QuietInventory : ServiceFixture<Program>, IAsyncLifetime;
}
