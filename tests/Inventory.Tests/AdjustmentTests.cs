using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Shop.Contracts.Inventory.V1;
using static Shop.Inventory.Tests.InventoryService;

namespace Shop.Inventory.Tests;

[Collection(InventoryService.Name)]
public sealed class AdjustmentTests(InventoryService inventory)
{
    [Fact]
    public async Task An_adjustment_changes_the_units_on_hand_and_is_in_the_ledger_with_its_reason()
    {
        var sku = await inventory.StockedAsync(10);

        using var broken = await AdjustAsync(sku, """{"quantity":-3,"reason":"three broke in the rack"}""");
        using var found = await AdjustAsync(sku, """{"quantity":1,"reason":"found behind the rack"}""");

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (broken.StatusCode, found.StatusCode));
        Assert.Equal(8, (await found.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("onHand").GetInt32());
        var ledger = await ReadAllAsync(inventory.Staff, $"/products/{sku}/movements?limit=2", m => (m.GetProperty("kind").GetString(),
            m.GetProperty("quantity").GetInt32(), m.TryGetProperty("reason", out var reason) ? reason.GetString() : null));
        Assert.Equal(
            [("adjusted", 1, "found behind the rack"), ("adjusted", -3, "three broke in the rack"), ("received", 10, null)], ledger);
        await inventory.AllPublishedAsync();
        Assert.Single(inventory.Wire.ReceivedOf<StockReplenished>(), e => e.Sku == sku);
        await inventory.LedgerAgreesAsync();
    }

    [Theory]
    [InlineData("""{"quantity":0,"reason":"nothing"}""", 422, "adjustment-quantity")]
    [InlineData("""{"quantity":1000001,"reason":"many"}""", 400, "validation")]
    [InlineData("""{"quantity":-1000001,"reason":"many"}""", 400, "validation")]
    [InlineData("""{"quantity":1.5,"reason":"half"}""", 400, "malformed-request")]
    [InlineData("""{"quantity":1}""", 400, "malformed-request")]
    [InlineData("""{"reason":"why"}""", 400, "malformed-request")]
    [InlineData("""{"quantity":1,"reason":null}""", 400, "malformed-request")]
    [InlineData("""{"quantity":1,"reason":""}""", 400, "validation")]
    [InlineData("""{"quantity":1,"reason":"one\ntwo"}""", 422, "invalid-reason")]
    [InlineData("""{"quantity":1,"reason":"\u0000"}""", 400, "malformed-request")]
    [InlineData("""{"quantity":1,"reason":"one\u2028two"}""", 422, "invalid-reason")]
    [InlineData("""{"quantity":1,"reason":"\u202eeno"}""", 422, "invalid-reason")]
    [InlineData("""{"quantity":1,"reason":"\ud800"}""", 400, "malformed-request")]
    [InlineData("""{"quantity":1,"reason":"why","orderId":"x"}""", 400, "malformed-request")]
    [InlineData("""{"quantity":-4,"reason":"gone"}""", 409, "not-enough-stock")]
    public async Task An_invalid_adjustment_is_rejected_and_changes_nothing(string body, int status, string code)
    {
        var sku = await inventory.StockedAsync(3);

        using var answer = await AdjustAsync(sku, body);

        await IsProblemAsync(answer, status, code);
        Assert.Equal((3, 0, 0), await inventory.StockAsync(sku));
    }

    [Fact]
    public async Task A_reason_longer_than_200_characters_and_an_unknown_product_are_rejected()
    {
        var sku = await inventory.StockedAsync(3);

        await IsProblemAsync(await AdjustAsync(sku, $$"""{"quantity":1,"reason":"{{new string('x', 201)}}"}"""), 400, "validation");
        await IsProblemAsync(await AdjustAsync(NewSku(), """{"quantity":1,"reason":"found"}"""), 404, "not-found");
        await IsProblemAsync(await AdjustAsync("TEA%201", """{"quantity":1,"reason":"found"}"""), 404, "not-found");
        Assert.Equal(HttpStatusCode.OK, (await AdjustAsync(sku, $$"""{"quantity":1,"reason":"{{new string('x', 200)}}"}""")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await AdjustAsync(sku, """{"quantity":1,"reason":"\u200b \ud83c\udf75"}""")).StatusCode);
    }

    [Fact]
    public async Task Reserved_units_cannot_be_adjusted_and_the_error_has_the_available_units()
    {
        var sku = await inventory.StockedAsync(5);
        await inventory.DecidedAsync(Placed((sku, 3)));

        using var answer = await AdjustAsync(sku, """{"quantity":-3,"reason":"gone"}""");

        await IsProblemAsync(answer, 409, "not-enough-stock");
        Assert.Contains("There are 2 units", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal((2, 3, 0), await inventory.StockAsync(sku));
    }

    [Fact]
    public async Task Concurrent_adjustments_and_orders_never_go_below_zero()
    {
        var sku = await inventory.StockedAsync(30);
        var orders = Enumerable.Range(0, 30).Select(_ => Placed((sku, 1))).ToList();

        var adjusting = Task.WhenAll(Enumerable.Range(0, 30).Select(_ => AdjustAsync(sku, """{"quantity":-1,"reason":"gone"}""")));
        await inventory.DecidedAsync(orders);
        var answers = await adjusting;

        var taken = answers.Count(answer => answer.StatusCode == HttpStatusCode.OK);
        Assert.All(answers.Where(answer => answer.StatusCode != HttpStatusCode.OK),
            answer => Assert.Equal(HttpStatusCode.Conflict, answer.StatusCode));
        var (onHand, reserved, _) = await inventory.StockAsync(sku);
        Assert.Equal((0, 30), (onHand, reserved + taken));
        await inventory.LedgerAgreesAsync();
    }

    [Fact]
    public async Task Two_adjustments_with_one_idempotency_key_are_one()
    {
        var sku = await inventory.StockedAsync(5);
        var key = NewSku("key");

        using var first = await AdjustAsync(sku, """{"quantity":-2,"reason":"gone"}""", key);
        using var again = await AdjustAsync(sku, """{"quantity":-2,"reason":"gone"}""", key);

        Assert.Equal(await first.Content.ReadAsStringAsync(), await again.Content.ReadAsStringAsync());
        Assert.Equal((3, 0, 0), await inventory.StockAsync(sku));
    }

    private async Task<HttpResponseMessage> AdjustAsync(string sku, string body, string? key = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/products/{sku}/adjustments") { Content = Json(body) };
        if (key is not null)
        {
            request.Headers.Add("Idempotency-Key", key);
        }

        return await inventory.Staff.SendAsync(request);
    }
}
