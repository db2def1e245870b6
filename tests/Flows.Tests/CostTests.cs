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
    private const int Orders = 200;
    private static readonly (string Sku, int Quantity)[] s_lines = [("TEA-1", 1), ("TEA-2", 2)];

    [Fact]
    public async Task Placing_an_order_is_one_transaction_with_eight_statements()
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
                "10 INSERT INTO idempotency_keys", "10 INSERT INTO order_lines", "10 INSERT INTO orders",
                "10 INSERT INTO orders_history", "10 INSERT INTO outbox", "10 SELECT p.sku, p.currency,", "10 SELECT pg_try_advisory_xact_lock hashtextextended",
                "10 SELECT request_hash, status,",
            ],
            (await statements.ReadAsync()).Where(statement => !statement.IsBegin && !statement.IsBackground).Select(statement => $"{statement.Calls} {statement.Start}"));
    }

    /// <summary>Until it is confirmed, mailed and in Analytics. Events share statements with what waits beside them, so it is a limit.</summary>
    [Fact]
    public async Task An_order_of_a_busy_shop_takes_at_most_fourteen_statements_and_two_transactions()
    {
        await using var shop = await WholeShop.CreateAsync();
        var ordering = await shop.AddAsync<PlaceOrderRequest>(new() { ["Messaging:RetiredVersions:0"] = "ordering.order-placed.v1" });
        TestDatabase[] databases =
            [ordering, await shop.AddAsync<OfferProductRequest>(), await shop.AddAsync<PutContactRequest>(), await shop.AddAsync<FunnelResponse>()];
        shop.Start<PlaceOrderRequest>();
        shop.Start<OfferProductRequest>();
        shop.Start<PutContactRequest>();
        shop.Start<FunnelResponse>();
        await ListAsync(shop, ordering);
        for (var n = 0; n < 10; n++)
        {
            using var client = shop.Client<PutContactRequest>(TestTokens.Customer($"customer-{n}"));
            (await client.SendAsync(HttpMethod.Put, "/contacts/me", new { name = $"Customer {n}", email = $"{n}@example.org" })).MustBe(HttpStatusCode.OK);
        }

        await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => PlaceAsync(shop, 2))); // what starts
        await shop.RestsAsync();
        var counters = await Task.WhenAll(databases.Select(Statements.OfAsync));

        await Task.WhenAll(Enumerable.Range(0, 10).Select(n => PlaceAsync(shop, Orders / 10, $"customer-{n}")));
        await shop.RestsAsync();
        await Eventually.HoldsAsync("all mails are written", async () => await databases[2].ScalarAsync<long>(
            "SELECT count(*) FROM notifications WHERE status = 'Delivered'") >= Orders);

        List<Statement> all = [];
        foreach (var counter in counters)
        {
            all.AddRange((await counter.ReadAsync()).Where(statement => !statement.IsBackground));
            await counter.DisposeAsync();
        }

        var shown = string.Join('\n', all.OrderByDescending(one => one.Calls).Select(one => $"{one.Calls} {one.Start}"));
        Assert.True(all.Where(one => !one.IsBegin).Sum(one => one.Calls) <= 14 * Orders, shown);
        Assert.True(all.Where(one => one.IsBegin).Sum(one => one.Calls) <= 2 * Orders, shown);
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
        // The relay's rounds, and the checks of Ordering's deferred constraints, which are its triggers'.
        private static readonly string[] s_background =
            ["DELETE FROM outbox", "SELECT DISTINCT virtualtransaction", "SELECT DISTINCT stream", "SELECT count *)", "EXISTS SELECT"];

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
                    SELECT array_to_string((regexp_split_to_array(query, '[\s(]+'))[1:3], ' ') AS start, calls FROM pg_stat_statements
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
