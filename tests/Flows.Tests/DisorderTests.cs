using System.Net;
using Shop.Analytics.Features.Funnel;
using Shop.Contracts;
using Shop.Inventory.Features.OfferProduct;
using Shop.Messaging;
using Shop.Notification.Features.PutContact;
using Shop.Ordering.Features.PlaceOrder;

namespace Shop.Flows.Tests;

/// <summary>
/// A day of a real shop is recorded; then each service gets the day's events once in their order and once shuffled and with
/// repeats, and must end in the same state.
/// </summary>
public sealed class DisorderTests(ITestOutputHelper output)
{
    private const int Orders = 150;
    private const int Window = 50;

    private static readonly string[] s_skus = ["TEA-1", "TEA-2", "CUP-1", "NONE-1"];
    private static readonly string[] s_customers = ["ada", "bob", "cleo", "dan", "eve"];

    /// <summary>Everything but the moments at which things were written down, and identities made on the way.</summary>
    private static readonly Dictionary<string, string[]> s_state = new()
    {
        ["ordering"] =
        [
            "SELECT id, status, version, reason, total FROM orders ORDER BY id",
            "SELECT id, confirmed_orders, preferred_since IS NOT NULL FROM customers ORDER BY id",
            "SELECT sku, name, unit_price, currency, price_version FROM products ORDER BY sku",
        ],
        ["inventory"] =
        [
            "SELECT sku, on_hand, reserved, shipped FROM products ORDER BY sku",
            // Nothing is reserved for a cancelled order; whether Inventory had checked the stock before the cancellation is random.
            "SELECT order_id, CASE WHEN status IN ('failed', 'released', 'expired') THEN 'nothing' ELSE status END FROM reservations ORDER BY order_id",
        ],
        ["notification"] = ["SELECT event_id, recipient, channel, subject, text, html FROM notifications ORDER BY event_id, recipient, channel"],
        ["analytics"] =
        [
            "SELECT event_id, regexp_replace(type, '[.]v[0-9]+$', ''), aggregate_id, aggregate_version, occurred_at FROM event_log ORDER BY event_id",
            "SELECT * FROM sales_per_day ORDER BY 1, 2",
            "SELECT * FROM order_journeys ORDER BY 1",
            "SELECT * FROM sold_lines ORDER BY 1, 2",
            "SELECT * FROM rejections_per_day ORDER BY 1, 2, 3",
            "SELECT * FROM stock_outs_per_day ORDER BY 1, 2",
        ],
    };

    private readonly Random _random = new(Environment.GetEnvironmentVariable("SHOP_TEST_SEED") is { } given ? int.Parse(given) : 0);

    [Fact]
    public async Task A_shuffled_stream_with_duplicates_gives_the_same_result_as_the_ordered_one()
    {
        await using var shop = await WholeShop.CreateAsync();
        var day = await RecordAsync(shop);
        output.WriteLine($"{day.Events.Count} events, of them {day.AfterPlacing.Count} after the orders were placed");
        var shuffled = await shop.CloneAsync(day.Placed);
        var disorder = Disordered(day.Events);

        await SameEndAsync(
            await ReplayAsync<PlaceOrderRequest>(day.AfterPlacing, day.Placed), await ReplayAsync<PlaceOrderRequest>(Disordered(day.AfterPlacing), shuffled));
        await SameEndAsync(await ReplayAsync<OfferProductRequest>(day.Events), await ReplayAsync<OfferProductRequest>(disorder));
        await SameEndAsync(await ReplayAsync<PutContactRequest>(day.Events), await ReplayAsync<PutContactRequest>(disorder));
        await SameEndAsync(await ReplayAsync<FunnelResponse>(day.Events), await ReplayAsync<FunnelResponse>(disorder));
    }

    private Task SameEndAsync(IReadOnlyList<string> ordered, IReadOnlyList<string> disordered)
    {
        output.WriteLine($"{ordered.Count} rows");
        Assert.NotEmpty(ordered);
        Assert.Equal(ordered, disordered);
        return Task.CompletedTask;
    }

    /// <summary>
    /// All orders are placed, some cancelled immediately, while Inventory is unavailable; then it answers, and people cancel and ship. The
    /// copy of Ordering's database is of the moment in between: its later events are answers to what is in it.
    /// </summary>
    private async Task<RecordedDay> RecordAsync(WholeShop shop)
    {
        var ordering = await shop.AddAsync<PlaceOrderRequest>();
        await shop.AddAsync<OfferProductRequest>();
        await shop.AddAsync<PutContactRequest>();
        await shop.AddAsync<FunnelResponse>();
        shop.Start<PlaceOrderRequest>();
        shop.Start<OfferProductRequest>();
        foreach (var sku in s_skus)
        {
            await shop.ListAsync(ordering, sku, sku == "NONE-1" ? 0 : 10_000);
        }

        await shop.StopAsync<OfferProductRequest>();
        var orders = await PlaceAsync(shop);
        await Eventually.HoldsAsync("all of it is published", async () => await ordering.ScalarAsync<long>("SELECT count(*) FROM outbox") == 0);
        var before = shop.Wire.Events.Count;
        await shop.StopAsync<PlaceOrderRequest>();
        var placed = await shop.CloneAsync(ordering);

        shop.Start<PlaceOrderRequest>();
        shop.Start<OfferProductRequest>();
        shop.Start<PutContactRequest>();
        shop.Start<FunnelResponse>();
        await Eventually.HoldsAsync("every order has its answer", async () =>
            await ordering.ScalarAsync<long>("SELECT count(*) FROM orders WHERE lower(status) = 'placed'") == 0);
        await FinishAsync(shop, orders);
        await shop.RestsAsync();
        Assert.Equal(0, await shop.CountDeadLettersAsync());
        var events = shop.Wire.Events;
        return new RecordedDay(events, [.. events.Skip(before)], placed);
    }

    private async Task<List<(string Customer, Guid Id)>> PlaceAsync(WholeShop shop)
    {
        List<(string Customer, Guid Id)> orders = [];
        for (var n = 0; n < Orders; n++)
        {
            var customer = s_customers[_random.Next(s_customers.Length)];
            var sku = s_skus[_random.Next(s_skus.Length)];
            var id = (await shop.PlaceAsync(customer, (sku, _random.Next(1, 5)))).MustBe(HttpStatusCode.Created).Id;
            if (_random.Next(8) == 0)
            {
                (await shop.CancelAsync(customer, id)).MustBe(HttpStatusCode.OK);
            }

            orders.Add((customer, id));
        }

        return orders;
    }

    private async Task FinishAsync(WholeShop shop, List<(string Customer, Guid Id)> orders)
    {
        foreach (var (customer, id) in orders)
        {
            var what = _random.Next(10);
            _ = what switch
            {
                < 5 => (await shop.ShipAsync(id)).MustBe(HttpStatusCode.OK, HttpStatusCode.Conflict),
                < 7 => (await shop.CancelAsync(customer, id)).MustBe(HttpStatusCode.OK, HttpStatusCode.Conflict),
                < 8 => (await shop.OfferAsync(s_skus[_random.Next(3)], _random.Next(1, 20))).MustBe(HttpStatusCode.OK),
                _ => null,
            };
        }
    }

    /// <summary>Shuffled within windows of 50, and every tenth event a second time in the same or the next window.</summary>
    private List<IIntegrationEvent> Disordered(IReadOnlyList<IIntegrationEvent> events)
    {
        List<IIntegrationEvent> disordered = [], repeats = [];
        foreach (var window in events.Chunk(Window))
        {
            var again = window.Where(_ => _random.Next(10) == 0).ToList();
            IIntegrationEvent[] mixed = [.. window, .. repeats, .. again.Where((_, n) => n % 2 == 0)];
            repeats = [.. again.Where((_, n) => n % 2 == 1)];
            _random.Shuffle(mixed);
            disordered.AddRange(mixed);
        }

        return [.. disordered, .. repeats];
    }

    /// <summary>Delivers what a service consumes of a stream to a new instance of it, and returns its state at the end.</summary>
    private static async Task<IReadOnlyList<string>> ReplayAsync<TProgram>(IReadOnlyList<IIntegrationEvent> stream, TestDatabase? database = null)
        where TProgram : class
    {
        await using var shop = await WholeShop.CreateAsync();
        var settings = Enumerable.Range(0, 20).ToDictionary(n => $"Messaging:RetryDelays:{n}", string? (_) => "00:00:00.200");
        database = await shop.AddAsync<TProgram>(settings, database);
        shop.Start<TProgram>();
        await PrepareAsync<TProgram>(shop);
        var consumed = await shop.QueuesByEventAsync();
        foreach (var integrationEvent in stream.Where(e => consumed.ContainsKey(ShopEvents.Catalog.NameOf(e.GetType()))))
        {
            await shop.Wire.PublishAsync(integrationEvent);
        }

        await shop.RestsAsync();
        Assert.Equal(0, await shop.CountDeadLettersAsync());
        List<string> state = [];
        foreach (var query in s_state[ServiceInstance.NameOf<TProgram>()])
        {
            state.AddRange(await database.RowsAsync(query));
        }

        return state;
    }

    /// <summary>What the service does not get by events.</summary>
    private static async Task PrepareAsync<TProgram>(WholeShop shop)
        where TProgram : class
    {
        if (typeof(TProgram) == typeof(OfferProductRequest))
        {
            foreach (var sku in s_skus)
            {
                (await shop.OfferAsync(sku, 4)).MustBe(HttpStatusCode.Created);
                if (sku != "NONE-1")
                {
                    (await shop.ReceiveAsync(sku, 10_000)).MustBe(HttpStatusCode.OK);
                }
            }
        }
        else if (typeof(TProgram) == typeof(PutContactRequest))
        {
            foreach (var customer in s_customers)
            {
                using var client = shop.Client<PutContactRequest>(TestTokens.Customer(customer));
                (await client.SendAsync(HttpMethod.Put, "/contacts/me", new { name = customer, email = $"{customer}@example.org" }))
                    .MustBe(HttpStatusCode.OK, HttpStatusCode.Created);
            }
        }
    }

    private sealed record RecordedDay(
        IReadOnlyList<IIntegrationEvent> Events, IReadOnlyList<IIntegrationEvent> AfterPlacing, TestDatabase Placed);
}
