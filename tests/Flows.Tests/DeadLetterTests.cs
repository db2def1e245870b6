using System.Net;
using System.Text;
using Shop.Analytics.Features.Funnel;
using Shop.Inventory.Features.OfferProduct;
using Shop.Notification.Features.PutContact;
using Shop.Ordering.Features.PlaceOrder;

namespace Shop.Flows.Tests;

/// <summary>I10: what could not be handled is sent again by a person once the cause is mended, and then all is as if nothing had been.</summary>
public sealed class DeadLetterTests
{
    private const string Queue = "inventory.order-placed";

    /// <summary>OrderPlaced is published in two versions, each of which fails and is retried separately.</summary>
    private const int Versions = 2;

    private const string Dead = Queue + ".dead";
    private const int DeliveryLimit = 50;

    private static readonly (string Service, string Query)[] s_state =
    [
        ("ordering", "SELECT id, status, version, reason, total FROM orders ORDER BY id"),
        ("inventory", "SELECT sku, on_hand, reserved, shipped FROM products ORDER BY sku"),
        ("inventory", "SELECT order_id, sku, kind, quantity FROM stock_movements ORDER BY 1, 2, 3"),
        ("notification", "SELECT event_id, recipient, channel FROM notifications ORDER BY 1, 2, 3"),
        ("analytics", "SELECT event_id, regexp_replace(type, '[.]v[0-9]+$', '') FROM event_log ORDER BY 1"), // in whichever version it arrived first
    ];

    private readonly Dictionary<string, TestDatabase> _databases = [];

    [Fact]
    public async Task Retrying_every_dead_letter_restores_the_invariants_and_a_second_time_changes_nothing()
    {
        await using var shop = await StartAsync();
        List<Guid> orders = [];

        // Consumers that fail: Inventory's and Notification's databases reject the changes.
        await RefuseAsync("inventory", "reservations");
        await RefuseAsync("notification", "notifications");
        orders.AddRange(await PlaceAsync(shop, 5));
        var cancelled = await PlaceAsync(shop, 1);
        (await shop.CancelAsync("ada", cancelled[0])).MustBe(HttpStatusCode.OK);
        await DeadAsync(shop, Dead, 6 * Versions);
        await DeadAsync(shop, "notification.customer-notifications.dead", 1);

        // Messages that kill their process: delivered again and again, never answered.
        await shop.StopAsync<OfferProductRequest>();
        orders.AddRange(await PlaceAsync(shop, 2));
        await KillAsync(shop, messages: 2 * Versions, dead: 8 * Versions);
        var readable = await shop.Broker.PeekAsync(Dead);

        // A malformed message.
        await shop.Broker.PublishAsync("", Queue, Encoding.UTF8.GetBytes("no JSON"));
        await shop.Broker.PublishAsync("", Queue, """{"messageId":"018f0000-0000-7000-8000-000000000001","messageType":["urn:message:ordering.order-placed.v9"],"message":{}}"""u8.ToArray());
        shop.Start<OfferProductRequest>();
        await DeadAsync(shop, Dead, (8 * Versions) + 2);

        await MendAsync("inventory", "reservations");
        await MendAsync("notification", "notifications");
        await RetryAllAsync(shop);
        await RestsWellAsync(shop, orders, cancelled[0]);
        await DeadAsync(shop, Dead, 2); // only the malformed ones are back
        await DiscardAllAsync(shop);

        var before = await StateAsync();
        foreach (var letter in readable)
        {
            await shop.Broker.PublishAsync(Dead, "", letter.Body, new
            {
                delivery_mode = 2,
                content_type = "application/vnd.masstransit+json",
                message_id = letter.Properties.GetProperty("message_id").GetString(),
            });
        }

        await DeadAsync(shop, Dead, 8 * Versions);
        await RetryAllAsync(shop);
        await DrainedAsync(shop);
        await RestsWellAsync(shop, orders, cancelled[0]);
        Assert.Equal(before, await StateAsync());
    }

    private async Task<WholeShop> StartAsync()
    {
        var shop = await WholeShop.CreateAsync();
        _databases["ordering"] = await shop.AddAsync<PlaceOrderRequest>();
        _databases["inventory"] = await shop.AddAsync<OfferProductRequest>();
        _databases["notification"] = await shop.AddAsync<PutContactRequest>();
        _databases["analytics"] = await shop.AddAsync<FunnelResponse>();
        shop.Start<PlaceOrderRequest>();
        shop.Start<OfferProductRequest>();
        shop.Start<PutContactRequest>();
        shop.Start<FunnelResponse>();
        using var client = shop.Client<PutContactRequest>(TestTokens.Customer());
        (await client.SendAsync(HttpMethod.Put, "/contacts/me", new { name = "Ada", email = "ada@example.org" })).MustBe(HttpStatusCode.Created, HttpStatusCode.OK);
        await shop.ListAsync(_databases["ordering"], "TEA-1", 1_000);
        return shop;
    }

    private Task<int> RefuseAsync(string service, string table) => _databases[service].ExecuteAsync($"""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'out of order'; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION refuse();
        """);

    private Task<int> MendAsync(string service, string table) =>
        _databases[service].ExecuteAsync($"DROP TRIGGER refuse ON {table}; DROP FUNCTION refuse;");

    private static async Task<List<Guid>> PlaceAsync(WholeShop shop, int count)
    {
        List<Guid> orders = [];
        for (var order = 0; order < count; order++)
        {
            orders.Add((await shop.PlaceAsync("ada", ("TEA-1", 2))).MustBe(HttpStatusCode.Created).Id);
        }

        return orders;
    }

    private static async Task KillAsync(WholeShop shop, int messages, int dead)
    {
        await Eventually.HoldsAsync("the orders wait for Inventory", async () => await shop.Broker.CountReadyAsync(Queue) == messages);
        await using var connection = await new RabbitMQ.Client.ConnectionFactory { Uri = shop.Broker.AmqpUri }.CreateConnectionAsync();
        await Eventually.HoldsAsync("the delivery limit is reached", async () =>
        {
            await using var channel = await connection.CreateChannelAsync();
            for (var delivery = 0; delivery <= DeliveryLimit * messages; delivery++)
            {
                if (await channel.BasicGetAsync(Queue, autoAck: false) is { } message)
                {
                    await channel.BasicNackAsync(message.DeliveryTag, multiple: false, requeue: true);
                }
            }

            // An empty queue would not do: the last message may be on its way back into it, one delivery short of the limit.
            return await shop.Broker.CountReadyAsync(Dead) == dead;
        });
    }

    private static async Task RetryAllAsync(WholeShop shop)
    {
        var sent = await RetryAsync<PlaceOrderRequest>(shop) + await RetryAsync<OfferProductRequest>(shop)
            + await RetryAsync<PutContactRequest>(shop) + await RetryAsync<FunnelResponse>(shop);
        Assert.True(sent > 0, "nothing was sent again");
    }

    private static async Task<int> RetryAsync<TProgram>(WholeShop shop)
    {
        using var client = shop.Client<TProgram>(TestTokens.Staff());
        var letters = (await client.SendAsync(HttpMethod.Get, "/dead-letters")).MustBe(HttpStatusCode.OK).Body.EnumerateArray();
        var sent = 0;
        foreach (var queue in letters.Select(letter => letter.GetProperty("queue").GetString()!).Distinct())
        {
            sent += (await client.SendAsync(HttpMethod.Post, $"/dead-letters/{queue}/retry")).MustBe(HttpStatusCode.OK)
                .Body.GetProperty("count").GetInt32();
        }

        return sent;
    }

    private static async Task DiscardAllAsync(WholeShop shop)
    {
        using var client = shop.Client<OfferProductRequest>(TestTokens.Staff("sam"));
        var letters = (await client.SendAsync(HttpMethod.Get, $"/dead-letters?queue={Queue}")).MustBe(HttpStatusCode.OK).Body;
        foreach (var letter in letters.EnumerateArray())
        {
            var discard = $"/dead-letters/{Queue}/{letter.GetProperty("id").GetString()}/discard";
            (await client.SendAsync(HttpMethod.Post, discard, new { reason = "" })).MustBe(HttpStatusCode.BadRequest);
            (await client.SendAsync(HttpMethod.Post, discard, new { reason = "nobody sends such a thing" })).MustBe(HttpStatusCode.OK);
            Assert.Equal(0, (await client.SendAsync(HttpMethod.Post, discard, new { reason = "twice" })).MustBe(HttpStatusCode.OK).Body.GetProperty("count").GetInt32());
        }

        var discarded = (await client.SendAsync(HttpMethod.Get, "/dead-letters/discarded")).MustBe(HttpStatusCode.OK).Body;
        Assert.Equal(2, discarded.GetArrayLength());
        Assert.All(discarded.EnumerateArray(), letter => Assert.Equal("sam", letter.GetProperty("discarded").GetProperty("by").GetString()));
        using var customer = shop.Client<OfferProductRequest>(TestTokens.Customer());
        (await customer.SendAsync(HttpMethod.Get, "/dead-letters")).MustBe(HttpStatusCode.Forbidden);
        await DeadAsync(shop, Dead, 0);
    }

    /// <summary>I1 to I7, as far as these orders go.</summary>
    private async Task RestsWellAsync(WholeShop shop, List<Guid> orders, Guid cancelled)
    {
        await Eventually.HoldsAsync("every order has its answer", async () => await CountAsync(
            "ordering", "SELECT count(*) FROM orders WHERE lower(status) = 'placed'") == 0);
        await shop.RestsAsync();
        Assert.Equal(orders.Count, await CountAsync("ordering", "SELECT count(*) FROM orders WHERE lower(status) = 'confirmed'"));
        Assert.Equal(1, await CountAsync("ordering", $"SELECT count(*) FROM orders WHERE lower(status) = 'cancelled' AND id = '{cancelled}'"));
        await LedgerChecks.MustAddUpAsync(_databases["inventory"]);
        Assert.Equal(2 * orders.Count, await CountAsync("inventory", "SELECT reserved::bigint FROM products WHERE sku = 'TEA-1'"));

        // One of each confirmation, one of the cancelling, and one of becoming preferred by the third confirmation.
        Assert.Equal(orders.Count + 2, await CountAsync("notification", "SELECT count(DISTINCT (event_id, recipient, channel)) FROM notifications"));
        Assert.Equal(orders.Count + 2, await CountAsync("notification", "SELECT count(*) FROM notifications"));
        Assert.Equal(orders.Count, await CountAsync("analytics", "SELECT count(*) FROM event_log WHERE type = 'ordering.order-confirmed.v1'"));
    }

    private Task<long> CountAsync(string service, string query) => _databases[service].ScalarAsync<long>(query);

    private async Task<List<string>> StateAsync()
    {
        List<string> state = [];
        foreach (var (service, query) in s_state)
        {
            state.AddRange(await _databases[service].RowsAsync(query));
        }

        return state;
    }

    private static Task<int> DeadAsync(WholeShop shop, string queue, int count) => Eventually.IsAsync(
        $"{queue} holds {count}", () => shop.Broker.CountReadyAsync(queue), dead => dead == count);

    private static Task DrainedAsync(WholeShop shop) => Eventually.HoldsAsync("nothing is left in Inventory's queue or its dead letters", async () =>
        await shop.Broker.QueueAsync(Queue) is { Ready: 0, Unacknowledged: 0 }
        && await shop.Broker.CountReadyAsync(Queue) == 0 && await shop.Broker.CountReadyAsync(Dead) == 0);
}
