using Microsoft.Extensions.Options;
using Npgsql;
using V1 = Shop.Contracts.Ordering.V1;

namespace Shop.Ordering.Tests;

/// <summary>Orders that Inventory does not answer.</summary>
public sealed class AnswerDeadlineTests(OrderingService ordering) : IClassFixture<OrderingService>
{
    [Fact]
    public async Task An_order_without_an_answer_is_cancelled_when_its_time_is_up()
    {
        var id = (await ordering.PlaceAsync("ada", await ordering.ListedAsync())).GetProperty("id").GetGuid();

        await ordering.AgeAsync(id);

        var order = await ordering.StatusIsAsync(id, "cancelled");
        Assert.Equal("not-answered", order.GetProperty("reason").GetProperty("code").GetString());
        var published = await ordering.Wire.ReceiveAsync<V1.OrderCancelled>("OrderCancelled is published", e => e.OrderId == id);
        Assert.Equal(("not-answered", false, 2), (published.Reason, published.WasConfirmed, published.OrderVersion));
        Assert.Equal(["1 Placed customer", "2 Placed Cancelled deadline"], await ordering.HistoryAsync(id));
    }

    [Fact]
    public async Task An_order_that_is_answered_or_not_yet_overdue_is_not_changed()
    {
        var sku = await ordering.ListedAsync();
        var young = (await ordering.PlaceAsync("ada", sku)).GetProperty("id").GetGuid();
        var confirmed = await ordering.ConfirmedAsync("ada", sku);
        var overdue = (await ordering.PlaceAsync("ada", sku)).GetProperty("id").GetGuid();

        await ordering.AgeAsync(confirmed, overdue);
        await ordering.StatusIsAsync(overdue, "cancelled");

        await ordering.StatusIsAsync(young, "placed");
        await ordering.StatusIsAsync(confirmed, "confirmed");
    }

    [Fact]
    public async Task One_order_that_fails_does_not_stop_the_rest()
    {
        var ids = await PlacedAsync(7); // more than one batch, and more that fail than a batch has
        var bad = ids.Take(3).ToList();
        await ordering.Database.ExecuteAsync($"""
            CREATE FUNCTION refuse_some() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF NEW.id = ANY ('{Array(bad)}') AND NEW.status = 'Cancelled' THEN RAISE EXCEPTION 'not this one'; END IF; RETURN NEW;
            END $$;
            CREATE TRIGGER refuse_some BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION refuse_some();
            """);

        await ordering.AgeAsync(ids);

        await Task.WhenAll(ids.Skip(3).Select(id => ordering.StatusIsAsync(id, "cancelled")));
        Assert.Equal(3, await CountAsync(bad, "Placed"));
        await ordering.Database.ExecuteAsync("DROP FUNCTION refuse_some CASCADE");
        await Task.WhenAll(bad.Select(id => ordering.StatusIsAsync(id, "cancelled")));
    }

    [Fact]
    public async Task A_locked_order_is_skipped()
    {
        var ids = await PlacedAsync(2);
        var lockFirst = $"SELECT 1 FROM orders WHERE id = '{ids[0]}' FOR UPDATE";

        // The waiting session gets the lock when the order is found to be overdue.
        var overdue = await ordering.HoldAsync($"UPDATE orders SET placed_at = placed_at - interval '2 hours' WHERE id = '{ids[0]}'");
        var locking = ordering.HoldAsync(lockFirst);
        await ordering.LockIsAwaitedAsync(overdue);
        await overdue.CommitAsync();
        await using (await locking)
        {
            await ordering.AgeAsync(ids[1]);
            await ordering.StatusIsAsync(ids[1], "cancelled");
            await ordering.StatusIsAsync(ids[0], "placed");
        }

        await ordering.StatusIsAsync(ids[0], "cancelled");
    }

    [Fact]
    public async Task Two_instances_cancel_each_overdue_order_once()
    {
        await using var second = await SecondOrdering.BesideAsync(ordering);
        var ids = await PlacedAsync(40);

        await ordering.AgeAsync(ids);
        await Eventually.HoldsAsync("all are cancelled", async () => await CountAsync(ids, "Cancelled") == 40);

        await ordering.AllPublishedAsync();
        Assert.All(ids, id => Assert.Equal(2, Assert.Single(ordering.Published<V1.OrderCancelled>(id)).OrderVersion));
    }

    [Fact]
    public async Task The_query_for_overdue_orders_uses_its_index()
    {
        await using var connection = new NpgsqlConnection(ordering.Database.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand("""
            SET enable_seqscan = off; -- a table as small as this one would be read whole, and sorted
            SET enable_bitmapscan = off;
            SET enable_sort = off;
            EXPLAIN SELECT placed_at, id FROM orders WHERE status = 'Placed' AND placed_at < now() ORDER BY placed_at, id LIMIT 100
            """, connection);
        await using var plan = await command.ExecuteReaderAsync();
        var lines = new List<string>();
        while (await plan.ReadAsync())
        {
            lines.Add(plan.GetString(0));
        }

        Assert.Contains(lines, line => line.Contains("ix_orders_waiting", StringComparison.Ordinal));
        Assert.DoesNotContain(lines, line => line.Contains("Sort", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Ordering:AnswerDeadline", "00:00:00")]
    [InlineData("Ordering:SweepBatch", "0")]
    public async Task An_invalid_setting_prevents_startup(string key, string value)
    {
        await using var badly = new BadlyConfigured(key, value);

        var error = await Assert.ThrowsAsync<OptionsValidationException>(async () => await badly.InitializeAsync());

        Assert.Contains(key.Split(':')[1], error.Message, StringComparison.Ordinal);
    }

    private async Task<List<Guid>> PlacedAsync(int count)
    {
        var sku = await ordering.ListedAsync();
        var ids = new List<Guid>();
        for (var i = 0; i < count; i++)
        {
            ids.Add((await ordering.PlaceAsync("ada", sku)).GetProperty("id").GetGuid());
        }

        return ids;
    }

    private Task<long> CountAsync(IEnumerable<Guid> ids, string status) => ordering.Database.ScalarAsync<long>(
        $"SELECT count(*) FROM orders WHERE id = ANY ('{Array(ids)}') AND status = '{status}'");

    private static string Array(IEnumerable<Guid> ids) => $"{{{string.Join(',', ids)}}}";

    private sealed class BadlyConfigured(string key, string value) : ServiceFixture<Program>
    {
        protected override IReadOnlyDictionary<string, string?> Settings => new Dictionary<string, string?> { [key] = value };
    }
}
