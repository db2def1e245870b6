using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using static Shop.Inventory.Tests.InventoryService;

namespace Shop.Inventory.Tests;

/// <summary>Units are received, and the ledger of movements has them.</summary>
[Collection(InventoryService.Name)]
public sealed class ReceiptTests(InventoryService inventory)
{
    [Theory]
    [InlineData("""{"quantity":0}""", 400, "validation")]
    [InlineData("""{"quantity":-5}""", 400, "validation")]
    [InlineData("""{"quantity":1000001}""", 400, "validation")]
    [InlineData("""{"quantity":99999999999}""", 400, "malformed-request")]
    [InlineData("""{"quantity":1.5}""", 400, "malformed-request")]
    [InlineData("""{"quantity":"1"}""", 400, "malformed-request")]
    [InlineData("""{"units":1}""", 400, "malformed-request")]
    [InlineData("{", 400, "malformed-request")]
    public async Task An_invalid_receipt_is_rejected_and_changes_nothing(string body, int status, string code)
    {
        var sku = await inventory.StockedAsync(3);

        using var answer = await inventory.ReceiveAsync(sku, body);

        await IsProblemAsync(answer, status, code);
        Assert.Equal((3, 0, 0), await inventory.StockAsync(sku));
    }

    [Fact]
    public async Task Received_units_are_on_hand_and_in_the_ledger()
    {
        var sku = await inventory.StockedAsync(0);

        using var received = await inventory.ReceiveAsync(sku, """{"quantity":7}""");

        Assert.Equal(HttpStatusCode.OK, received.StatusCode);
        Assert.Equal(7, (await JsonAsync(received)).GetProperty("onHand").GetInt32());
        var ledger = await inventory.Staff.GetFromJsonAsync<JsonElement>($"/products/{sku}/movements");
        var movement = Assert.Single(ledger.GetProperty("items").EnumerateArray());
        Assert.Equal(("received", 7, false), (movement.GetProperty("kind").GetString(), movement.GetProperty("quantity").GetInt32(),
            movement.TryGetProperty("orderId", out _)));
    }

    [Fact]
    public async Task Two_receipts_with_one_idempotency_key_are_one_and_the_key_belongs_to_one_body()
    {
        var sku = await inventory.StockedAsync(0);
        var key = NewSku("key");

        using var first = await inventory.ReceiveAsync(sku, """{"quantity":7}""", key);
        using var again = await inventory.ReceiveAsync(sku, """{"quantity":7}""", key);
        using var other = await inventory.ReceiveAsync(sku, """{"quantity":8}""", key);

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (first.StatusCode, again.StatusCode));
        Assert.Equal(await first.Content.ReadAsByteArrayAsync(), await again.Content.ReadAsByteArrayAsync());
        Assert.Equal(first.Content.Headers.ContentType, again.Content.Headers.ContentType);
        await IsProblemAsync(other, 422, "idempotency-key-reused");
        Assert.Equal((7, 0, 0), await inventory.StockAsync(sku));
    }

    [Fact]
    public async Task Concurrent_receipts_all_count()
    {
        var sku = await inventory.StockedAsync(0);

        var answers = await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => inventory.ReceiveAsync(sku, """{"quantity":1}""")));

        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.OK, answer.StatusCode));
        Assert.Equal((40, 0, 0), await inventory.StockAsync(sku));
    }

    [Fact]
    public async Task The_ledger_is_paged_newest_first()
    {
        var sku = await inventory.StockedAsync(1);
        for (var quantity = 2; quantity <= 5; quantity++)
        {
            (await inventory.ReceiveAsync(sku, $$"""{"quantity":{{quantity}}}""")).EnsureSuccessStatusCode();
        }

        var read = await ReadAllAsync(
            inventory.Staff, $"/products/{sku}/movements?limit=2", item => item.GetProperty("quantity").GetInt32());

        Assert.Equal([5, 4, 3, 2, 1], read);
    }
}
