using Npgsql;
using Shop.Ordering.Domain;

namespace Shop.Ordering.Tests;

/// <summary>The database rejects what the code must not do.</summary>
public sealed class ConstraintTests(OrderingService ordering) : IClassFixture<OrderingService>
{
    private const string Order = "id, customer_id, status, discount, total, currency, placed_at, reason, version, reservation_version";
    private const string Place = $"INSERT INTO orders ({Order}) VALUES ('{{2}}', 'ada', 'Placed', 0, 4, 'EUR', now(), NULL, 1, 0)";
    private const string Line = "INSERT INTO order_lines (order_id, sku, name, quantity, unit_price, currency)";
    private const string ItsLine = $"{Line} VALUES ('{{2}}', 'TEA-1', 'Tea', 1, 4, 'EUR')";

    [Theory]
    [InlineData("orders_status", "status = 'Lost'")]
    [InlineData("orders_status", "status = 'placed'")]
    [InlineData("orders_reason", "status = 'Cancelled', reason = NULL")]
    [InlineData("orders_reason", "status = 'Rejected', reason = NULL")]
    [InlineData("orders_reason", "reason = 'customer-request'")]
    [InlineData("orders_total", "total = -0.01, discount = 8.01")]
    [InlineData("orders_total", "total = 9, discount = -1")]
    [InlineData("orders_total_of_lines", "total = 7.99")]
    [InlineData("orders_total_of_lines", "discount = 1")]
    [InlineData("orders_total_of_lines", "currency = 'USD'")]
    [InlineData("orders_currency", "currency = 'eur'")]
    [InlineData("orders_currency", "currency = 'EU'")]
    [InlineData("orders_versions", "version = 0")]
    [InlineData("orders_versions", "reservation_version = -1")]
    public async Task An_invalid_order_is_rejected(string constraint, string change)
    {
        var id = await PlacedAsync();

        await RefusedAsync(constraint, $"UPDATE orders SET {change} WHERE id = '{id}'");
    }

    [Theory]
    [InlineData("order_lines_quantity", "UPDATE order_lines SET quantity = 0 WHERE order_id = '{0}'")]
    [InlineData("order_lines_quantity", "UPDATE order_lines SET quantity = -1 WHERE order_id = '{0}'")]
    [InlineData("order_lines_quantity", "UPDATE order_lines SET unit_price = -1 WHERE order_id = '{0}'")]
    [InlineData("order_lines_currency", "UPDATE order_lines SET currency = 'usd' WHERE order_id = '{0}'")]
    [InlineData("orders_total_of_lines", "UPDATE order_lines SET currency = 'USD' WHERE order_id = '{0}'")]
    [InlineData("orders_total_of_lines", "UPDATE order_lines SET quantity = 3 WHERE order_id = '{0}'")]
    [InlineData("orders_total_of_lines", "DELETE FROM order_lines WHERE order_id = '{0}'")]
    [InlineData("orders_total_of_lines", "INSERT INTO order_lines (order_id, sku, name, quantity, unit_price, currency) VALUES ('{0}', 'MORE', 'x', 1, 1, 'EUR')")]
    [InlineData("pk_order_lines", "INSERT INTO order_lines SELECT * FROM order_lines WHERE order_id = '{0}'")]
    public async Task Invalid_lines_and_lines_that_contradict_the_total_are_rejected(string constraint, string sql)
    {
        var id = await PlacedAsync();

        await RefusedAsync(constraint, string.Format(System.Globalization.CultureInfo.InvariantCulture, sql, id));
    }

    /// <summary>{0} and {1} are orders of an earlier transaction, {2} is the id of a new one.</summary>
    [Theory]
    [InlineData($"{Place}; {ItsLine}; {Line} VALUES ('{{0}}', 'MORE', 'x', 1, 1, 'EUR')")]
    [InlineData($"{Place}; {ItsLine}; SET CONSTRAINTS ALL IMMEDIATE; {Line} VALUES ('{{2}}', 'MORE', 'x', 1, 1, 'EUR')")]
    [InlineData($"SET CONSTRAINTS ALL IMMEDIATE; WITH placed AS ({Place}) {ItsLine}; {Line} VALUES ('{{2}}', 'MORE', 'x', 1, 1, 'EUR')")]
    [InlineData($"{Place}; UPDATE orders SET id = gen_random_uuid() WHERE id = '{{2}}'")]
    [InlineData($"UPDATE orders SET version = version + 1 WHERE id = '{{0}}'; {Line} VALUES ('{{0}}', 'MORE', 'x', 1, 1, 'EUR')")]
    [InlineData($"INSERT INTO orders SELECT * FROM orders WHERE id = '{{0}}' ON CONFLICT DO NOTHING; {Line} VALUES ('{{0}}', 'MORE', 'x', 1, 1, 'EUR')")]
    [InlineData("UPDATE order_lines SET order_id = '{1}' WHERE order_id = '{0}'; UPDATE orders SET total = 16 WHERE id = '{1}'")]
    [InlineData($"{Line} VALUES ('{{0}}', 'MORE', 'x', 1, 1, 'EUR'); UPDATE order_lines SET order_id = '{{1}}' WHERE order_id = '{{0}}' AND sku = 'MORE'")]
    [InlineData("TRUNCATE order_lines")]
    public async Task A_transaction_that_leaves_a_wrong_total_is_rejected(string sql)
    {
        var refused = await Assert.ThrowsAsync<PostgresException>(() => InTransactionAsync(sql));

        Assert.Equal("orders_total_of_lines", refused.ConstraintName);
    }

    [Theory]
    [InlineData($"{Place}; {ItsLine}")]
    [InlineData($"{Line} VALUES ('{{0}}', 'MORE', 'x', 1, 1, 'EUR'); UPDATE orders SET total = 9 WHERE id = '{{0}}'")]
    [InlineData("UPDATE order_lines SET unit_price = 5 WHERE order_id = '{0}'; UPDATE orders SET total = 10 WHERE id = '{0}'")]
    [InlineData($"{Place}; {ItsLine}; DELETE FROM orders WHERE id = '{{2}}'")]
    public Task A_transaction_that_leaves_the_total_of_the_lines_is_accepted(string sql) => InTransactionAsync(sql);

    [Fact]
    public Task An_order_without_lines_is_rejected() => RefusedAsync("orders_total_of_lines",
        $"INSERT INTO orders ({Order}) VALUES (gen_random_uuid(), 'ada', 'Placed', 0, 0, 'EUR', now(), NULL, 1, 0)");

    [Theory]
    [InlineData("customers_confirmed_orders", -1, "NULL")]
    [InlineData("customers_preferred", 2, "now()")]
    [InlineData("customers_preferred", 3, "NULL")]
    public Task A_standing_that_contradicts_the_confirmed_orders_is_rejected(string constraint, int confirmed, string since) => RefusedAsync(
        constraint, $"INSERT INTO customers (id, confirmed_orders, preferred_since, version) VALUES ('odd', {confirmed}, {since}, 1)");

    [Theory]
    [InlineData("products_unit_price", "-1, 'EUR', 1, 1")]
    [InlineData("products_currency", "1, 'Eur', 1, 1")]
    [InlineData("products_versions", "1, 'EUR', -1, 1")]
    [InlineData("products_versions", "1, 'EUR', 1, -1")]
    public Task An_invalid_product_is_rejected(string constraint, string values) => RefusedAsync(constraint,
        $"INSERT INTO products (sku, name, unit_price, currency, name_version, price_version) VALUES ('odd', 'odd', {values})");

    [Fact]
    public async Task A_history_accepts_exactly_the_transitions_of_the_table()
    {
        var possible = (from status in Enum.GetValues<OrderStatus>()
                        from trigger in Enum.GetValues<OrderTrigger>()
                        let becomes = OrderTransitions.For(status, trigger) as Transition.Becomes
                        where becomes is not null
                        select (From: (OrderStatus?)status, To: becomes.Status)).Append((null, OrderStatus.Placed)).ToHashSet();
        OrderStatus?[] froms = [null, .. Enum.GetValues<OrderStatus>()];
        var taken = new HashSet<(OrderStatus?, OrderStatus)>();
        foreach (var from in froms)
        {
            foreach (var to in Enum.GetValues<OrderStatus>())
            {
                var id = await UnrecordedAsync();
                var values = $"{(from is null ? 1 : 2)}, {(from is null ? "NULL" : $"'{from}'")}, '{to}', "
                    + $"{(to is OrderStatus.Rejected or OrderStatus.Cancelled ? "'why'" : "NULL")}, 'deadline', NULL, now()";
                if (await Record.ExceptionAsync(() => RecordedAsync(id, values)) is null)
                {
                    taken.Add((from, to));
                }
            }
        }

        Assert.Equal(possible.Order(), taken.Order());
    }

    [Theory]
    [InlineData("orders_history_moves", "2, NULL, 'Placed', NULL, 'deadline', NULL, now()")]
    [InlineData("orders_history_moves", "1, 'Placed', 'Confirmed', NULL, 'deadline', NULL, now()")]
    [InlineData("orders_history_reason", "2, 'Placed', 'Cancelled', NULL, 'deadline', NULL, now()")]
    [InlineData("orders_history_reason", "2, 'Placed', 'Confirmed', 'why', 'deadline', NULL, now()")]
    [InlineData("orders_history_cause", "2, 'Placed', 'Confirmed', NULL, 'fate', NULL, now()")]
    [InlineData("orders_history_caused_by", "2, 'Placed', 'Confirmed', NULL, 'customer', NULL, now()")]
    [InlineData("orders_history_caused_by", "2, 'Placed', 'Confirmed', NULL, 'deadline', 'ada', now()")]
    public async Task An_invalid_history_entry_is_rejected(string constraint, string values)
    {
        var id = await UnrecordedAsync();

        Assert.Equal(constraint, (await Assert.ThrowsAsync<PostgresException>(() => RecordedAsync(id, values))).ConstraintName);
    }

    [Theory]
    [InlineData("pk_orders_history", "2, 'Placed', 'Cancelled', 'why', 'deadline', NULL, now()")]
    [InlineData("ix_orders_history_order_id_to_status", "3, 'Placed', 'Confirmed', NULL, 'deadline', NULL, now()")]
    public async Task An_order_has_each_version_and_reaches_each_status_once(string constraint, string second)
    {
        var id = await UnrecordedAsync();
        await RecordedAsync(id, "2, 'Placed', 'Confirmed', NULL, 'deadline', NULL, now()");

        Assert.Equal(constraint, (await Assert.ThrowsAsync<PostgresException>(() => RecordedAsync(id, second))).ConstraintName);
    }

    [Fact]
    public async Task A_history_of_an_unknown_order_is_not_found() => Assert.Equal("fk_orders_history_orders_order_id",
        (await Assert.ThrowsAsync<PostgresException>(() => RecordedAsync(Guid.CreateVersion7(), "1, NULL, 'Placed', NULL, 'deadline', NULL, now()")))
        .ConstraintName);

    private async Task InTransactionAsync(string sql)
    {
        Guid[] ids = [await PlacedAsync(), await PlacedAsync(), Guid.CreateVersion7()];
        await ordering.Database.ExecuteAsync(string.Format(System.Globalization.CultureInfo.InvariantCulture, $"BEGIN; {sql}; COMMIT",
            [.. ids.Select(id => (object)id)]));
    }

    private async Task<Guid> PlacedAsync() =>
        (await ordering.PlaceAsync("no-regular", await ordering.ListedAsync(price: 4), quantity: 2)).GetProperty("id").GetGuid();

    /// <summary>An order without a history.</summary>
    private async Task<Guid> UnrecordedAsync()
    {
        var id = Guid.CreateVersion7();
        await ordering.Database.ExecuteAsync($"""
            BEGIN;
            INSERT INTO orders ({Order}) VALUES ('{id}', 'ada', 'Placed', 0, 4, 'EUR', now(), NULL, 1, 0);
            INSERT INTO order_lines (order_id, sku, name, quantity, unit_price, currency) VALUES ('{id}', 'TEA-1', 'Tea', 1, 4, 'EUR');
            COMMIT
            """);
        return id;
    }

    private Task<int> RecordedAsync(Guid id, string values) => ordering.Database.ExecuteAsync(
        $"INSERT INTO orders_history (order_id, version, from_status, to_status, reason, cause, caused_by, at) VALUES ('{id}', {values})");

    private async Task RefusedAsync(string constraint, string sql)
    {
        var refused = await Assert.ThrowsAsync<PostgresException>(() => ordering.Database.ExecuteAsync(sql));

        Assert.Equal(constraint, refused.ConstraintName);
    }
}
