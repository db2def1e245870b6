using Npgsql;

namespace Shop.Analytics.Tests;

/// <summary>What the database itself rejects, in the served tables and in their shadows.</summary>
public class ConstraintTests(AnalyticsFixture analytics) : IClassFixture<AnalyticsFixture>
{
    private const string Id = "'01890000-0000-7000-8000-000000000000'";

    [Theory]
    [InlineData("sales_per_day", "'2026-01-01', 'EUR', -1, 1, 1, 0, 0", "ck_sales_per_day_counts")]
    [InlineData("sales_per_day", "'2026-01-01', 'EUR', 2, 1, 1, 0, 0", "ck_sales_per_day_counts")]
    [InlineData("sales_per_day", "'2026-01-01', 'EUR', 1, 1, 1, -1, 0", "ck_sales_per_day_counts")]
    [InlineData("sales_per_day", "'2026-01-01', 'EUR', 1, 1, -0.01, 0, 0", "ck_sales_per_day_amounts")]
    [InlineData("sales_per_day", "'2026-01-01', 'EUR', 1, 1, 1, 0, -0.01", "ck_sales_per_day_amounts")]
    [InlineData("sales_per_day", "'2026-01-01', 'eur', 1, 1, 1, 0, 0", "ck_sales_per_day_currency")]
    [InlineData("order_journeys", Id + ", NULL, NULL, NULL, NULL, NULL, -1, 'EUR', NULL", "ck_order_journeys_total")]
    [InlineData("order_journeys", Id + ", NULL, NULL, NULL, NULL, NULL, 1, 'EURO', NULL", "ck_order_journeys_currency")]
    [InlineData("sold_lines", Id + ", '', '2026-01-01', 'EUR', 1, 1", "ck_sold_lines_sku")]
    [InlineData("sold_lines", Id + ", 'TEA-1', '2026-01-01', 'E', 1, 1", "ck_sold_lines_currency")]
    [InlineData("sold_lines", Id + ", 'TEA-1', '2026-01-01', 'EUR', 0, 1", "ck_sold_lines_units")]
    [InlineData("sold_lines", Id + ", 'TEA-1', '2026-01-01', 'EUR', 1, -1", "ck_sold_lines_revenue")]
    [InlineData("rejections_per_day", "'2026-01-01', 'out-of-stock', '', 0, 0, 0", "ck_rejections_per_day_orders")]
    [InlineData("rejections_per_day", "'2026-01-01', 'out-of-stock', '', 1, 1, 2", "ck_rejections_per_day_units")]
    [InlineData("rejections_per_day", "'2026-01-01', 'out-of-stock', '', 1, 1, -1", "ck_rejections_per_day_units")]
    [InlineData("stock_outs_per_day", "'2026-01-01', '', 1, 1, 1, 0", "ck_stock_outs_per_day_sku")]
    [InlineData("stock_outs_per_day", "'2026-01-01', 'TEA-1', -1, 1, 1, 0", "ck_stock_outs_per_day_counts")]
    [InlineData("stock_outs_per_day", "'2026-01-01', 'TEA-1', 1, 1, 1, -1", "ck_stock_outs_per_day_counts")]
    [InlineData("stock_outs_per_day", "'2026-01-01', 'TEA-1', 1, 1, 2, 0", "ck_stock_outs_per_day_units")]
    public async Task An_impossible_figure_is_rejected(string table, string values, string constraint)
    {
        foreach (var schema in (string[])["public", "rebuild"])
        {
            await RefusedAsync($"INSERT INTO {schema}.{table} VALUES ({values})", PostgresErrorCodes.CheckViolation, constraint);
        }
    }

    [Theory]
    [InlineData("'paused', 1, NULL, 0, '2026-01-01', NULL", "ck_projection_rebuilds_state")]
    [InlineData("'running', 0, NULL, 0, NULL, NULL", "ck_projection_rebuilds_epoch")]
    [InlineData("'running', 1, 5, 6, NULL, NULL", "ck_projection_rebuilds_events")]
    [InlineData("'running', 1, 5, -1, NULL, NULL", "ck_projection_rebuilds_events")]
    [InlineData("'running', 1, NULL, 0, '2026-01-01', NULL", "ck_projection_rebuilds_finished")]
    [InlineData("'done', 1, NULL, 0, NULL, NULL", "ck_projection_rebuilds_finished")]
    [InlineData("'failed', 1, NULL, 0, '2026-01-01', NULL", "ck_projection_rebuilds_error")]
    [InlineData("'done', 1, NULL, 0, '2026-01-01', 'broken'", "ck_projection_rebuilds_error")]
    public Task A_rebuild_in_an_invalid_state_is_rejected(string values, string constraint) =>
        RefusedAsync(Rebuild(Guid.CreateVersion7(), values), PostgresErrorCodes.CheckViolation, constraint);

    [Fact]
    public async Task A_second_running_rebuild_of_one_projection_is_rejected()
    {
        const string Running = "'running', 1, NULL, 0, NULL, NULL";
        await RefusedAsync(
            Rebuild(Guid.CreateVersion7(), Running) + ";" + Rebuild(Guid.CreateVersion7(), Running),
            PostgresErrorCodes.UniqueViolation, "projection_rebuilds_one_running");
    }

    [Fact]
    public async Task The_log_stores_an_event_once_and_has_one_state()
    {
        const string Event = $"INSERT INTO event_log VALUES ({Id}, '2026-01-01', 'a', 'b', 1, '{{}}', '2026-01-01', 1)";
        await RefusedAsync(Event + ";" + Event, PostgresErrorCodes.UniqueViolation, null);
        await RefusedAsync("INSERT INTO event_log_state VALUES (true, 1)", PostgresErrorCodes.UniqueViolation, "event_log_state_pkey");
        await RefusedAsync("INSERT INTO event_log_state VALUES (false, 1)", PostgresErrorCodes.CheckViolation, "event_log_state_only_row_check");
        await RefusedAsync("UPDATE event_log_state SET epoch = 0", PostgresErrorCodes.CheckViolation, "event_log_state_epoch_check");
    }

    private static string Rebuild(Guid id, string values) =>
        $"""
        INSERT INTO projection_rebuilds (id, projection, after_time, after_event, started_at,
            state, epoch, events_total, events_done, finished_at, error)
        VALUES ('{id}', 'test', '2026-01-01', {Id}, '2026-01-01', {values})
        """;

    private async Task RefusedAsync(string sql, string state, string? constraint)
    {
        var refused = await Assert.ThrowsAsync<PostgresException>(() => analytics.Database.ExecuteAsync(sql));

        Assert.Equal(state, refused.SqlState);
        if (constraint is not null)
        {
            Assert.Equal(constraint, refused.ConstraintName);
        }
    }
}
