using System.Net;
using Npgsql;
using Shop.Analytics.Features.Funnel;
using Shop.Inventory.Features.OfferProduct;
using Shop.Notification.Features.PutContact;
using Shop.Ordering.Features.PlaceOrder;

namespace Shop.Flows.Tests;

/// <summary>What an order costs the databases. Whoever needs one more statement changes a figure here, and says why.</summary>
public sealed class CostTests
{
    private const int Orders = 100;
    private const int Customers = 10;
    private const int Earlier = 3; // what a start runs once; and from the third on, a customer's row changes in the same columns
    private static readonly (string Sku, int Quantity)[] s_lines = [("TEA-1", 1), ("TEA-2", 2)];

    [Fact]
    public async Task Placing_an_order_is_one_transaction_with_eight_statements_and_one_check()
    {
        await using var shop = await WholeShop.CreateAsync();
        var ordering = await shop.AddAsync<PlaceOrderRequest>();
        await shop.AddAsync<OfferProductRequest>();
        shop.Start<PlaceOrderRequest>();
        shop.Start<OfferProductRequest>();
        await ListAsync(shop, ordering);
        await shop.StopAsync<OfferProductRequest>();
        await PlaceAsync(shop, 1);
        await using var statements = await Statements.OfAsync(ordering);

        await PlaceAsync(shop, 10);

        Assert.Equal(
            [
                "10 EXISTS SELECT FROM", "10 INSERT INTO idempotency_keys", "10 INSERT INTO order_lines", "10 INSERT INTO orders",
                "10 INSERT INTO orders_history", "10 INSERT INTO outbox", "10 SELECT p.sku, p.currency,", "10 SELECT pg_try_advisory_xact_lock hashtextextended",
                "10 SELECT request_hash, status,",
            ],
            (await statements.ReadAsync()).Where(statement => !statement.IsBegin && !statement.IsBackground).Select(statement => $"{statement.Calls} {statement.Start}"));
        Assert.Equal(11, await ordering.ScalarAsync<long>("SELECT count(DISTINCT xmin::text) FROM idempotency_keys"));
        Assert.Equal(11, await ordering.ScalarAsync<long>("""
            SELECT count(DISTINCT written) FROM (
                SELECT xmin::text AS written FROM orders UNION ALL SELECT xmin::text FROM order_lines
                UNION ALL SELECT xmin::text FROM orders_history UNION ALL SELECT xmin::text FROM idempotency_keys) AS rows
            """));
    }

    /// <summary>
    /// Beside what an order costs by itself, each batch of events has a fixed number of statements, its inbox row's among them: however the
    /// load cuts the batches.
    /// </summary>
    [Fact]
    public async Task A_batch_of_events_has_a_fixed_number_of_statements()
    {
        await using var shop = await WholeShop.CreateAsync();
        var ordering = await shop.AddAsync<PlaceOrderRequest>(new() { ["Messaging:RetiredVersions:0"] = "ordering.order-placed.v1" });
        var inventory = await shop.AddAsync<OfferProductRequest>();
        var notification = await shop.AddAsync<PutContactRequest>();
        var analytics = await shop.AddAsync<FunnelResponse>();
        shop.Start<PlaceOrderRequest>();
        shop.Start<OfferProductRequest>();
        shop.Start<PutContactRequest>();
        shop.Start<FunnelResponse>();
        await ListAsync(shop, ordering);
        await Task.WhenAll(Enumerable.Range(0, Customers).Select(async n =>
        {
            using var client = shop.Client<PutContactRequest>(TestTokens.Customer($"customer-{n}"));
            (await client.SendAsync(HttpMethod.Put, "/contacts/me", new { name = $"Customer {n}", email = $"{n}@example.org" })).MustBe(HttpStatusCode.OK);
            await PlaceAsync(shop, Earlier, $"customer-{n}");
        }));
        await RestAsync(Earlier * Customers);
        var counters = await Task.WhenAll(new[] { ordering, inventory, notification, analytics }.Select(Statements.OfAsync));

        await Task.WhenAll(Enumerable.Range(0, Customers).Select(n => PlaceAsync(shop, Orders / Customers, $"customer-{n}")));
        await RestAsync((Earlier * Customers) + Orders);

        await AssertAsync(counters[0], perOrder: 9, perBatch: 8); // placed with eight and the check of its total
        await AssertAsync(counters[1], perOrder: 0, perBatch: 10);
        await AssertAsync(counters[2], perOrder: 3, perBatch: 4); // a mail that is alone is claimed, addressed and settled
        await AssertAsync(counters[3], perOrder: 0, perBatch: 7);

        async Task RestAsync(int mails)
        {
            await shop.RestsAsync();
            await Eventually.HoldsAsync("all mails are written", async () =>
                await notification.ScalarAsync<long>("SELECT count(*) FROM notifications WHERE status = 'Delivered' AND order_id IS NOT NULL") == mails);
        }
    }

    private static async Task AssertAsync(Statements counter, int perOrder, int perBatch)
    {
        var statements = (await counter.ReadAsync()).Where(one => !one.IsBegin && !one.IsBackground).ToList();
        await counter.DisposeAsync();
        var batches = statements.Single(one => one.Start == "INSERT INTO inbox").Calls;
        Assert.InRange(batches, 1, 3 * Orders);
        Assert.True(statements.Sum(one => one.Calls) <= (perOrder * Orders) + (perBatch * batches),
            $"{Orders} orders, {batches} batches:\n{string.Join('\n', statements.OrderByDescending(one => one.Calls).Select(one => $"{one.Calls} {one.Start}"))}");
    }

    private static async Task ListAsync(WholeShop shop, TestDatabase ordering)
    {
        foreach (var (sku, _) in s_lines)
        {
            await shop.ListAsync(ordering, sku, 10 * Orders);
        }
    }

    private static async Task PlaceAsync(WholeShop shop, int count, string customer = "customer-0")
    {
        using var client = shop.Client<PlaceOrderRequest>(TestTokens.Customer(customer));
        for (var n = 0; n < count; n++)
        {
            client.DefaultRequestHeaders.Remove("Idempotency-Key");
            client.DefaultRequestHeaders.Add("Idempotency-Key", $"{Guid.CreateVersion7()}");
            (await client.SendAsync(HttpMethod.Post, "/orders", new { lines = s_lines.Select(line => new { sku = line.Sku, quantity = line.Quantity }) }))
                .MustBe(HttpStatusCode.Created);
        }
    }

    /// <summary>A statement of the service, by its first words.</summary>
    private sealed record Statement(string Start, long Calls)
    {
        // The relay's rounds, and what is read and counted every 15 seconds.
        private static readonly string[] s_background =
            ["DELETE FROM outbox", "SELECT DISTINCT virtualtransaction", "SELECT DISTINCT stream", "SELECT count *)",
                "SELECT SELECT count", "INSERT INTO event_traffic", "SELECT r.order_id, r.expires_at", "DISCARD ALL"];

        public bool IsBegin => Start.StartsWith("BEGIN", StringComparison.Ordinal);

        public bool IsBackground => s_background.Any(Start.StartsWith);
    }

    /// <summary>Counts a service's statements by pg_stat_statements: without COMMIT and SAVEPOINT, of which it misses prepared ones until PostgreSQL 17.</summary>
    private sealed class Statements(NpgsqlConnection connection, TestDatabase database) : IAsyncDisposable
    {
        private Dictionary<string, long> _before = [];

        public static async Task<Statements> OfAsync(TestDatabase database)
        {
            var connection = new NpgsqlConnection(database.AdminConnectionString);
            await connection.OpenAsync();
            await using (var create = new NpgsqlCommand("CREATE EXTENSION IF NOT EXISTS pg_stat_statements", connection))
            {
                await create.ExecuteNonQueryAsync();
            }

            var statements = new Statements(connection, database);
            statements._before = await statements.TotalsAsync();
            return statements;
        }

        public async Task<List<Statement>> ReadAsync() =>
            [.. (await TotalsAsync()).Select(now => new Statement(now.Key, now.Value - _before.GetValueOrDefault(now.Key)))
                .Where(statement => statement.Calls > 0).OrderBy(statement => statement.Start, StringComparer.Ordinal)];

        public ValueTask DisposeAsync() => connection.DisposeAsync();

        private async Task<Dictionary<string, long>> TotalsAsync()
        {
            await using var command = new NpgsqlCommand($"""
                SELECT start, sum(calls)::bigint FROM (
                    SELECT array_to_string((regexp_split_to_array(query, '[\s(]+(\$\d+\s)?'))[1:3], ' ') AS start, calls FROM pg_stat_statements
                    WHERE userid = '{database.RuntimeRole}'::regrole AND toplevel AND query !~ '^(COMMIT|ROLLBACK|SAVEPOINT)') AS statements
                GROUP BY start
                """, connection);
            await using var reader = await command.ExecuteReaderAsync();
            Dictionary<string, long> totals = [];
            while (await reader.ReadAsync())
            {
                totals.Add(reader.GetString(0), reader.GetInt64(1));
            }

            return totals;
        }
    }
}
