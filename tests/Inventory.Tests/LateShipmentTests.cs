using System.Net.Http.Json;
using System.Text.Json;
using Shop.Contracts.Inventory.V1;
using Shop.Contracts.Ordering.V1;
using static Shop.Inventory.Tests.InventoryService;
using Product = Shop.Inventory.Domain.Product;

namespace Shop.Inventory.Tests;

[Collection(InventoryService.Name)]
public sealed class LateShipmentTests(InventoryService inventory)
{
    [Fact]
    public async Task A_late_shipment_is_booked_from_the_units_on_hand_once()
    {
        var sku = await inventory.StockedAsync(5);
        var placed = await ExpiredAsync((sku, 2));
        var late = inventory.Counted("shop.inventory.shipments.late");
        var (shipped, again) = (Shipped(placed.OrderId), Shipped(placed.OrderId));

        await inventory.Wire.PublishAsync(shipped, again);
        await inventory.ConsumedAsync("order-shipped", shipped.EventId);
        await inventory.ConsumedAsync("order-shipped", again.EventId);

        Assert.Equal((3, 0, 2), await inventory.StockAsync(sku));
        Assert.Equal("shipped", await inventory.StatusAsync(placed));
        await Eventually.HoldsAsync("it is counted", () => inventory.Counted("shop.inventory.shipments.late") == late + 1);
        Assert.Equal(["expired", "received", "reclaimed", "reserved", "shipped"], (await LedgerAsync(sku)).Select(m => m.Kind));
        await inventory.LedgerAgreesAsync();
    }

    [Fact]
    public async Task Units_reserved_by_others_meanwhile_are_adjusted_with_a_reason_and_shipped()
    {
        var (gone, partly, there) = (await inventory.StockedAsync(2), await inventory.StockedAsync(3), await inventory.StockedAsync(9));
        var placed = await ExpiredAsync((gone, 2), (partly, 3), (there, 4));
        await inventory.DecidedAsync(Placed((gone, 2), (partly, 2)));
        var found = inventory.Counted("shop.inventory.shipments.found");
        var shipped = Shipped(placed.OrderId);

        await inventory.Wire.PublishAsync(shipped);
        await inventory.ConsumedAsync("order-shipped", shipped.EventId);

        Assert.Equal((0, 2, 2), await inventory.StockAsync(gone));
        Assert.Equal((0, 2, 3), await inventory.StockAsync(partly));
        Assert.Equal((5, 0, 4), await inventory.StockAsync(there));
        Assert.Equal([(2, Product.FoundForLateShipment, placed.OrderId)], await AdjustmentsAsync(gone));
        Assert.Equal([(2, Product.FoundForLateShipment, placed.OrderId)], await AdjustmentsAsync(partly));
        Assert.Empty(await AdjustmentsAsync(there));
        await Eventually.HoldsAsync("they are counted", () => inventory.Counted("shop.inventory.shipments.found") == found + 4);
        await inventory.LedgerAgreesAsync();
    }

    [Fact]
    public async Task A_late_shipment_that_makes_the_stock_low_raises_StockLevelLow()
    {
        var sku = await inventory.StockedAsync(5);
        var placed = await ExpiredAsync((sku, 2));
        (await inventory.Staff.PutAsJsonAsync($"/products/{sku}/low-stock-threshold", new { threshold = 4 })).EnsureSuccessStatusCode();

        await inventory.Wire.PublishAsync(Shipped(placed.OrderId));

        var low = await inventory.Wire.ReceiveAsync<StockLevelLow>("the stock is low", e => e.Sku == sku);
        Assert.Equal((3, 4), (low.Available, low.Threshold));
    }

    [Fact]
    public async Task A_shipment_of_released_or_unreserved_stock_is_dead_lettered()
    {
        var sku = await inventory.StockedAsync(1);
        var (failed, released) = (Placed((sku, 2)), Placed((sku, 1)));
        await inventory.DecidedAsync(failed, released);
        var cancelled = Cancelled(released.OrderId);
        await inventory.Wire.PublishAsync(cancelled);
        await inventory.ConsumedAsync("order-cancelled", cancelled.EventId);
        var dead = await inventory.Broker.CountReadyAsync("inventory.order-shipped.dead");

        await inventory.Wire.PublishAsync(Shipped(failed.OrderId), Shipped(released.OrderId));

        await Eventually.IsAsync("both are dead letters",
            () => inventory.Broker.CountReadyAsync("inventory.order-shipped.dead"), count => count == dead + 2);
        Assert.Equal(("failed", "released"), (await inventory.StatusAsync(failed), await inventory.StatusAsync(released)));
        Assert.Equal((1, 0, 0), await inventory.StockAsync(sku));
    }

    private async Task<OrderPlaced> ExpiredAsync(params (string, int)[] lines)
    {
        var placed = Placed(lines);
        await inventory.DecidedAsync(placed);
        await inventory.TimeGoesByAsync(placed);
        await inventory.StatusBecomesAsync(placed, "expired");
        return placed;
    }

    private async Task<IEnumerable<(int, string, Guid)>> AdjustmentsAsync(string sku) =>
        from movement in await LedgerAsync(sku) where movement.Kind == "adjusted" select (movement.Quantity, movement.Reason!, movement.OrderId!.Value);

    private async Task<List<(string Kind, int Quantity, string? Reason, Guid? OrderId)>> LedgerAsync(string sku)
    {
        var ledger = await inventory.Staff.GetFromJsonAsync<JsonElement>($"/products/{sku}/movements");
        return [.. ledger.GetProperty("items").EnumerateArray().Select(m => (m.GetProperty("kind").GetString()!,
            m.GetProperty("quantity").GetInt32(),
            m.TryGetProperty("reason", out var reason) ? reason.GetString() : null,
            m.TryGetProperty("orderId", out var order) ? order.GetGuid() : (Guid?)null)).OrderBy(m => m.Item1, StringComparer.Ordinal)];
    }
}
