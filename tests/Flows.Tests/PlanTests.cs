using System.Net;
using Shop.Analytics.Features.Funnel;
using Shop.Inventory.Features.OfferProduct;
using Shop.Notification.Features.PutContact;
using Shop.Ordering.Features.PlaceOrder;

namespace Shop.Flows.Tests;

/// <summary>A plan made while a table is new serves its statement until the table is analysed, however large the table is by then.</summary>
public sealed class PlanTests
{
    private const int Orders = 100;
    private const int Occasional = 10; // a start, and what runs every few minutes

    private static readonly string[] s_skus = ["TEA-1", "TEA-2", "CUP-1"];

    [Fact]
    public async Task No_repeated_statement_scans_a_whole_table_even_if_it_was_planned_on_an_empty_one()
    {
        await using var shop = await WholeShop.CreateAsync();
        List<TestDatabase> databases =
        [
            await shop.AddAsync<PlaceOrderRequest>(), await shop.AddAsync<OfferProductRequest>(),
            await shop.AddAsync<PutContactRequest>(), await shop.AddAsync<FunnelResponse>(),
        ];
        foreach (var database in databases)
        {
            await NeverAnalyseAsync(database);
        }

        shop.Start<PlaceOrderRequest>();
        shop.Start<OfferProductRequest>();
        shop.Start<PutContactRequest>();
        shop.Start<FunnelResponse>();
        foreach (var sku in s_skus)
        {
            await shop.ListAsync(databases[0], sku, 10 * Orders);
        }

        for (var n = 0; n < Orders; n++)
        {
            var customer = $"customer-{n}";
            using var notification = shop.Client<PutContactRequest>(TestTokens.Customer(customer));
            (await notification.SendAsync(HttpMethod.Put, "/contacts/me", new { name = customer, email = $"{customer}@example.org" })).MustBe(HttpStatusCode.OK);
            var order = (await shop.PlaceAsync(customer, s_skus.Select(sku => (sku, 1)))).MustBe(HttpStatusCode.Created);
            (await shop.ReadAsync(customer, order.Id)).MustBe(HttpStatusCode.OK);
            if (n % 4 == 0)
            {
                (await shop.CancelAsync(customer, order.Id)).MustBe(HttpStatusCode.OK);
            }
        }

        await shop.RestsAsync();
        await shop.StopAsync<PlaceOrderRequest>();
        await shop.StopAsync<OfferProductRequest>();
        await shop.StopAsync<PutContactRequest>();
        await shop.StopAsync<FunnelResponse>();

        List<string> scanned = [];
        foreach (var database in databases)
        {
            scanned.AddRange(await ScansAsync(database));
        }

        Assert.Empty(scanned);
    }

    private static async Task NeverAnalyseAsync(TestDatabase database)
    {
        foreach (var table in await database.RowsAsync("SELECT relid::regclass::text FROM pg_stat_user_tables WHERE relid NOT IN (SELECT partrelid FROM pg_partitioned_table)"))
        {
            await database.ExecuteAsync($"ALTER TABLE {table} SET (autovacuum_enabled = off)");
        }
    }

    /// <summary>Of tables with more than one row.</summary>
    private static async Task<IEnumerable<string>> ScansAsync(TestDatabase database)
    {
        await database.CloseConnectionsAsync(); // a session reports its statistics at the latest when it ends
        await Eventually.HoldsAsync("the service's sessions have ended", async () =>
            await database.ScalarAsync<long>($"SELECT count(*) FROM pg_stat_activity WHERE usename = '{database.RuntimeRole}'") == 0);
        return (await database.RowsAsync($"""
            SELECT relname, seq_scan, seq_tup_read FROM pg_stat_user_tables WHERE seq_scan > {Occasional} AND seq_tup_read > seq_scan ORDER BY 1
            """)).Select(row => $"{database.Name}: {row} (table, scans, rows read by them)");
    }
}
