using System.Net;
using System.Text.Json;
using Shop.Analytics.Features.Funnel;
using Shop.Contracts.Ordering.V1;
using Shop.Inventory.Features.OfferProduct;
using Shop.Notification.Features.PutContact;
using Shop.Ordering.Features.PlaceOrder;

namespace Shop.Flows.Tests;

/// <summary>What the four services say together: where an order's events are, and whether the invariants hold.</summary>
public sealed class OperationsTests
{
    [Fact]
    public async Task The_services_figures_agree_and_a_difference_is_seen()
    {
        await using var shop = await WholeShop.CreateAsync();
        var ordering = await shop.AddAsync<PlaceOrderRequest>();
        var inventory = await shop.AddAsync<OfferProductRequest>();
        await shop.AddAsync<PutContactRequest>();
        var analytics = await shop.AddAsync<FunnelResponse>();
        shop.Start<PlaceOrderRequest>();
        shop.Start<OfferProductRequest>();
        shop.Start<PutContactRequest>();
        shop.Start<FunnelResponse>();
        await shop.ListAsync(ordering, "TEA-1", units: 3);
        Guid[] orders = [.. (await Task.WhenAll(Enumerable.Range(0, 4).Select(n => shop.PlaceAsync($"customer-{n}", ("TEA-1", 1)))))
            .Select(answer => answer.MustBe(HttpStatusCode.Created).Id)];
        await shop.Wire.ReceiveAsync<OrderRejected>("one is rejected: there are three units", _ => true);
        await shop.RestsAsync();
        await AssertJourneyAsync(shop, orders[0]);

        var until = Uri.EscapeDataString($"{TimeProvider.System.GetUtcNow().AddSeconds(1):O}");
        var (ordered, logged) = (await GetAsync<PlaceOrderRequest>(shop, until), await GetAsync<FunnelResponse>(shop, until));
        Assert.Equal(new Dictionary<string, decimal> { ["placed"] = 4, ["confirmed"] = 3, ["rejected"] = 1, ["sold EUR"] = 12 }, Figures(ordered));
        Assert.Equal(Figures(ordered), Figures(logged));
        await AssertHandledAsync(shop, until, logged);
        await Eventually.HoldsAsync("all is settled up to the end", async () =>
            (await GetAsync<FunnelResponse>(shop, until)).GetProperty("because").GetArrayLength() == 0);
        Assert.Equal("1 0", await StockAsync(shop, until));

        // The negative controls: a lost projection row, and stock that does not add up.
        await analytics.ExecuteAsync($"DELETE FROM order_journeys WHERE order_id = '{orders[0]}'");
        Assert.NotEqual(Figures(ordered), Figures(await GetAsync<FunnelResponse>(shop, until)));
        await inventory.ExecuteAsync("UPDATE products SET on_hand = on_hand + 1 WHERE sku = 'TEA-1'");
        await Eventually.HoldsAsync("the stock is wrong", async () => await StockAsync(shop, until) == "1 1"); // it is read once in ten seconds
    }

    /// <summary>From the order's id, and from its trace, to what each service did with its events.</summary>
    private static async Task AssertJourneyAsync(WholeShop shop, Guid order)
    {
        using var analytics = shop.Client<FunnelResponse>(TestTokens.Staff());
        var events = (await analytics.SendAsync(HttpMethod.Get, $"/analytics/events?aggregateId={order}")).MustBe(HttpStatusCode.OK).Body.GetProperty("items");
        var placed = events.EnumerateArray().Last();
        Assert.StartsWith("ordering.order-placed.", placed.GetProperty("type").GetString(), StringComparison.Ordinal);
        var (id, trace) = (placed.GetProperty("eventId").GetString(), placed.GetProperty("traceId").GetString());
        var byTrace = (await analytics.SendAsync(HttpMethod.Get, $"/analytics/events?traceId={trace}")).Body.GetProperty("items");
        Assert.Empty(events.EnumerateArray().Select(one => one.GetProperty("eventId").GetString())
            .Except(byTrace.EnumerateArray().Select(one => one.GetProperty("eventId").GetString()))); // one order is one trace
        Assert.Equal(id, (await analytics.SendAsync(HttpMethod.Get, $"/analytics/events?eventId={id}")).Body.GetProperty("items")[0].GetProperty("eventId").GetString());
        Assert.Equal(0, (await analytics.SendAsync(HttpMethod.Get, $"/analytics/events?traceId={Guid.CreateVersion7():N}")).Body.GetProperty("items").GetArrayLength());
        (await analytics.SendAsync(HttpMethod.Get, "/analytics/events?traceId=4711")).MustBe(HttpStatusCode.BadRequest);

        var query = $"/operations/journey?stream={order}&" + string.Join('&', events.EnumerateArray().Select(one => $"event={one.GetProperty("eventId").GetString()}"));
        using var inventory = shop.Client<OfferProductRequest>(TestTokens.Staff());
        var handled = (await inventory.SendAsync(HttpMethod.Get, query)).MustBe(HttpStatusCode.OK).Body.GetProperty("handled")[0];
        Assert.Equal((id, "inventory.order-placed", 1), (handled.GetProperty("eventId").GetString(), handled.GetProperty("queue").GetString(),
            handled.GetProperty("attempts").GetInt32()));
        var (publishedAt, receivedAt, handledAt) = (handled.GetProperty("publishedAt").GetDateTimeOffset(),
            handled.GetProperty("receivedAt").GetDateTimeOffset(), handled.GetProperty("handledAt").GetDateTimeOffset());
        Assert.True(publishedAt <= receivedAt.AddMilliseconds(1) && receivedAt <= handledAt, handled.ToString()); // milliseconds in the message
        using var ordering = shop.Client<PlaceOrderRequest>(TestTokens.Staff());
        Assert.Equal(events.GetArrayLength() is var count and > 2 ? count : 0,
            (await ordering.SendAsync(HttpMethod.Get, query)).Body.GetProperty("published").EnumerateArray().Select(one => one.GetProperty("eventId").GetString()).Distinct().Count()
            + (await inventory.SendAsync(HttpMethod.Get, query)).Body.GetProperty("published").GetArrayLength());
    }

    /// <summary>I7: what was published is handled once by each queue that is bound to it, in whichever version.</summary>
    private static async Task AssertHandledAsync(WholeShop shop, string until, JsonElement logged)
    {
        var facts = logged.GetProperty("logged").EnumerateObject()
            .GroupBy(type => Fact(type.Name)).ToDictionary(group => group.Key, group => group.Sum(type => type.Value.GetInt64()));
        foreach (var (view, contracts) in new[]
        {
            (await GetAsync<PlaceOrderRequest>(shop, until), await ContractsAsync<PlaceOrderRequest>(shop)),
            (await GetAsync<OfferProductRequest>(shop, until), await ContractsAsync<OfferProductRequest>(shop)),
            (await GetAsync<PutContactRequest>(shop, until), await ContractsAsync<PutContactRequest>(shop)),
            (logged, await ContractsAsync<FunnelResponse>(shop)),
        })
        {
            foreach (var queue in contracts.GetProperty("consumes").EnumerateArray().GroupBy(one => one.GetProperty("queue").GetString()!))
            {
                var published = queue.Select(one => Fact(one.GetProperty("type").GetString()!)).Distinct().Sum(fact => facts.GetValueOrDefault(fact));
                var handled = view.GetProperty("handled").TryGetProperty(queue.Key, out var count) ? count.GetInt64() : 0;
                Assert.True(published == handled, $"{queue.Key}: {published} published, {handled} handled");
            }
        }

        static string Fact(string type) => type[..type.LastIndexOf(".v", StringComparison.Ordinal)];
    }

    private static Dictionary<string, decimal> Figures(JsonElement view) =>
        view.GetProperty("figures").EnumerateObject().ToDictionary(figure => figure.Name, figure => figure.Value.GetDecimal());

    private static async Task<string> StockAsync(WholeShop shop, string until)
    {
        var stock = (await GetAsync<OfferProductRequest>(shop, until)).GetProperty("stock");
        return $"{stock.GetProperty("products")} {stock.GetProperty("violations").GetArrayLength()}";
    }

    private static async Task<JsonElement> GetAsync<TProgram>(WholeShop shop, string until)
        where TProgram : class
    {
        using var client = shop.Client<TProgram>(TestTokens.Staff());
        return (await client.SendAsync(HttpMethod.Get, $"/operations/invariants?until={until}")).MustBe(HttpStatusCode.OK).Body;
    }

    private static async Task<JsonElement> ContractsAsync<TProgram>(WholeShop shop)
        where TProgram : class
    {
        using var client = shop.Client<TProgram>(TestTokens.Staff());
        return (await client.SendAsync(HttpMethod.Get, "/operations/contracts")).MustBe(HttpStatusCode.OK).Body;
    }
}
