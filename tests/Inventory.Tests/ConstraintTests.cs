using Npgsql;
using static Shop.Inventory.Tests.InventoryService;

namespace Shop.Inventory.Tests;

/// <summary>What the database itself rejects, independent of the service's code.</summary>
[Collection(InventoryService.Name)]
public sealed class ConstraintTests(InventoryService inventory)
{
    [Theory]
    [InlineData("on_hand = -1", "products_stock")]
    [InlineData("reserved = -1", "products_stock")]
    [InlineData("shipped = -1", "products_stock")]
    [InlineData("low_stock_threshold = -1", "products_low_stock_threshold")]
    [InlineData("unit_price = -1", "products_unit_price")]
    [InlineData("currency = 'eur'", "products_unit_price")]
    [InlineData("sku = 'not a sku'", "products_sku")]
    public async Task An_invalid_product(string change, string constraint)
    {
        var sku = await inventory.StockedAsync(0);

        await RefusedAsync($"UPDATE products SET {change} WHERE sku = '{sku}'", constraint);
    }

    [Theory]
    [InlineData("'received', 0, NULL, NULL", "stock_movements_quantity")]
    [InlineData("'received', -1, NULL, NULL", "stock_movements_quantity")]
    [InlineData("'shipped', -1, gen_random_uuid(), NULL", "stock_movements_quantity")]
    [InlineData("'adjusted', 0, NULL, 'nothing'", "stock_movements_quantity")]
    [InlineData("'stolen', 1, gen_random_uuid(), NULL", "stock_movements_kind")]
    [InlineData("'received', 1, gen_random_uuid(), NULL", "stock_movements_order")]
    [InlineData("'reserved', 1, NULL, NULL", "stock_movements_order")]
    [InlineData("'released', 1, NULL, NULL", "stock_movements_order")]
    [InlineData("'expired', 1, NULL, NULL", "stock_movements_order")]
    [InlineData("'reclaimed', 1, NULL, NULL", "stock_movements_order")]
    [InlineData("'shipped', 1, NULL, NULL", "stock_movements_order")]
    [InlineData("'adjusted', 1, NULL, NULL", "stock_movements_reason")]
    [InlineData("'adjusted', 1, NULL, ''", "stock_movements_reason")]
    [InlineData("'adjusted', 1, NULL, '  '", "stock_movements_reason")]
    [InlineData("'adjusted', 1, NULL, E'one\\ntwo'", "stock_movements_reason")]
    [InlineData("'received', 1, NULL, 'why not'", "stock_movements_reason")]
    public async Task An_invalid_movement(string movement, string constraint)
    {
        var sku = await inventory.StockedAsync(0);

        await RefusedAsync("INSERT INTO stock_movements (id, sku, at, kind, quantity, order_id, reason) "
            + $"VALUES (gen_random_uuid(), '{sku}', now(), {movement})", constraint);
    }

    [Fact]
    public async Task A_too_long_reason_and_a_movement_without_a_product()
    {
        var sku = await inventory.StockedAsync(0);
        const string Insert = "INSERT INTO stock_movements (id, at, kind, quantity, sku, reason) VALUES (gen_random_uuid(), now(), ";

        var tooLong = await Assert.ThrowsAsync<PostgresException>(() =>
            inventory.Database.ExecuteAsync($"{Insert}'adjusted', 1, '{sku}', repeat('x', 201))"));
        Assert.Equal(PostgresErrorCodes.StringDataRightTruncation, tooLong.SqlState);
        await RefusedAsync($"{Insert}'received', 1, 'NEVER-LISTED', NULL)", "fk_stock_movements_products_sku");
    }

    [Theory]
    [InlineData("'reserved', NULL", "reservations_expiry")]
    [InlineData("'expired', NULL", "reservations_expiry")]
    [InlineData("'reserved', now() - interval '1 second'", "reservations_expiry")]
    [InlineData("'lost', NULL", "reservations_status")]
    public async Task An_invalid_reservation(string reservation, string constraint) => await RefusedAsync(
        $"INSERT INTO reservations (order_id, decided_at, version, status, expires_at) VALUES (gen_random_uuid(), now(), 1, {reservation})",
        constraint);

    [Theory]
    [InlineData("quantity = 0", "reservation_lines_quantity")]
    [InlineData("quantity = -1", "reservation_lines_quantity")]
    [InlineData("order_id = gen_random_uuid()", "fk_reservation_lines_reservations_order_id")]
    public async Task An_invalid_line(string change, string constraint)
    {
        var placed = Placed((await inventory.StockedAsync(1), 1));
        await inventory.DecidedAsync(placed);

        await RefusedAsync($"UPDATE reservation_lines SET {change} WHERE order_id = '{placed.OrderId}'", constraint);
    }

    [Fact]
    public async Task A_second_decision_about_an_order_and_a_second_line_of_a_product()
    {
        var placed = Placed((await inventory.StockedAsync(1), 1));
        await inventory.DecidedAsync(placed);

        await RefusedAsync($"INSERT INTO reservations SELECT * FROM reservations WHERE order_id = '{placed.OrderId}'", "pk_reservations");
        await RefusedAsync($"INSERT INTO reservation_lines SELECT * FROM reservation_lines WHERE order_id = '{placed.OrderId}'",
            "pk_reservation_lines");
    }

    /// <summary>The negative control of reserving: without its condition it would oversell, and the database rejects it.</summary>
    [Fact]
    public async Task Reserving_without_checking_the_stock()
    {
        var sku = await inventory.StockedAsync(1);

        await RefusedAsync($"UPDATE products SET on_hand = on_hand - 2, reserved = reserved + 2 WHERE sku = '{sku}'", "products_stock");
    }

    [Fact]
    public async Task All_constraints_are_valid_and_the_sweeper_has_its_index()
    {
        Assert.Equal(0, await inventory.Database.ScalarAsync<long>("SELECT count(*) FROM pg_constraint WHERE NOT convalidated"));
        Assert.Equal("status::text = 'reserved'::text", await inventory.Database.ScalarAsync<string>("""
            SELECT pg_get_expr(indpred, indrelid, true) FROM pg_index
            WHERE indexrelid = 'ix_reservations_expires_at'::regclass AND indisvalid AND indisready
            """));
    }

    private async Task RefusedAsync(string sql, string constraint)
    {
        var refused = await Assert.ThrowsAsync<PostgresException>(() => inventory.Database.ExecuteAsync(sql));
        Assert.Equal(constraint, refused.ConstraintName);
    }
}
