namespace Shop.Ordering.Tests;

/// <summary>An order is placed, confirmed and rolled back at the start, so that the first customers do not wait for what is prepared once.</summary>
public sealed class RehearsalTests(OrderingService ordering) : IClassFixture<OrderingService>
{
    [Fact]
    public async Task The_rehearsed_order_is_stored_with_its_events_and_leaves_nothing()
    {
        // An identity is not rolled back: that of the outbox shows how many events were stored, here of the placed order, in two versions, and the confirmed.
        await Eventually.HoldsAsync("an order was rehearsed with its events", async () =>
            await ordering.Database.ScalarAsync<long>("SELECT last_value FROM outbox_seq_seq") >= 3);

        await Eventually.HoldsAsync("it is rolled back", async () => await ordering.Database.ScalarAsync<long>("""
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND (state = 'active' OR backend_xid IS NOT NULL) AND query NOT LIKE '%pg_stat_activity%'
            """) == 0);
        foreach (var table in (string[])["orders", "order_lines", "orders_history", "outbox", "outbox_parked", "customers"])
        {
            Assert.Equal(0, await ordering.Database.ScalarAsync<long>($"SELECT count(*) FROM {table}"));
        }
    }
}
