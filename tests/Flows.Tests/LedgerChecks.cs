namespace Shop.Flows.Tests;

/// <summary>What must hold in Inventory's books in every snapshot.</summary>
internal static class LedgerChecks
{
    /// <summary>
    /// I3, each product against its ledger: received units are on hand, reserved or shipped; reserved units were reserved and
    /// neither given back nor shipped; nothing is negative.
    /// </summary>
    private const string Broken = """
        SELECT p.sku, p.on_hand, p.reserved, p.shipped, l.*
        FROM products p
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(quantity) FILTER (WHERE kind IN ('received', 'adjusted')), 0) AS came_in,
                   coalesce(sum(quantity) FILTER (WHERE kind IN ('reserved', 'reclaimed')), 0)
                       - coalesce(sum(quantity) FILTER (WHERE kind IN ('released', 'expired', 'shipped')), 0) AS set_aside,
                   coalesce(sum(quantity) FILTER (WHERE kind = 'shipped'), 0) AS gone
            FROM stock_movements m WHERE m.sku = p.sku) l
        WHERE p.on_hand < 0 OR p.reserved < 0 OR p.shipped < 0
            OR p.on_hand + p.reserved + p.shipped <> l.came_in OR p.reserved <> l.set_aside OR p.shipped <> l.gone
        """;

    private const string Twice = """
        SELECT order_id, sku, kind, count(*) FROM stock_movements
        WHERE order_id IS NOT NULL GROUP BY order_id, sku, kind HAVING count(*) > 1
        """;

    /// <summary>Fails with the products that do not add up, and with duplicate movements of one order (I2).</summary>
    public static async Task MustAddUpAsync(TestDatabase inventory)
    {
        Assert.Empty(await inventory.RowsAsync(Broken));
        Assert.Empty(await inventory.RowsAsync(Twice));
    }
}
