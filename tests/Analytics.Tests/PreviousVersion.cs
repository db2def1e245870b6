using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql;
using Shop.Analytics.Persistence;
using Shop.Contracts;
using Shop.Contracts.Ordering.V1;
using Shop.Messaging;

namespace Shop.Analytics.Tests;

/// <summary>Analytics as it was before projections could be rebuilt: its schema, and what it wrote for an event.</summary>
internal sealed class PreviousVersion(string connectionString)
{
    private const string Migration = "20261122030708_Initial";

    /// <summary>Brings an empty database to that version.</summary>
    public async Task MigrateAsync()
    {
        await using var db = new AnalyticsDbContext(new DbContextOptionsBuilder<AnalyticsDbContext>().UseNpgsql(connectionString).Options);
        await db.GetService<IMigrator>().MigrateAsync(Migration);
    }

    /// <summary>Consumes events: inbox, log, journey and sales in one transaction each.</summary>
    public async Task ConsumeAsync(IEnumerable<IIntegrationEvent> events)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        foreach (var @event in events)
        {
            await using var transaction = await connection.BeginTransactionAsync();
            await LogAsync(connection, @event);
            await (@event switch
            {
                OrderPlaced e => JourneyAsync(connection, e.OrderId, "placed_at", e.OccurredAt, e.Total, e.Currency, null),
                OrderConfirmed e => JourneyAsync(connection, e.OrderId, "confirmed_at", e.OccurredAt, e.Total, e.Currency, null),
                OrderRejected e => JourneyAsync(connection, e.OrderId, "rejected_at", e.OccurredAt, null, null, e.Reason),
                OrderCancelled e => JourneyAsync(connection, e.OrderId, "cancelled_at", e.OccurredAt, e.Total, e.Currency, null),
                OrderShipped e => JourneyAsync(connection, e.OrderId, "shipped_at", e.OccurredAt, null, null, null),
                _ => Task.CompletedTask,
            });
            await (@event switch
            {
                OrderConfirmed e => SalesAsync(connection, e, e.Currency, 1, e.Lines.Sum(line => (long)line.Quantity), e.Total, 0, 0),
                OrderCancelled { WasConfirmed: true } e => SalesAsync(connection, e, e.Currency, 0, 0, 0, 1, e.Total),
                _ => Task.CompletedTask,
            });
            await transaction.CommitAsync();
        }
    }

    private static Task LogAsync(NpgsqlConnection connection, IIntegrationEvent e) => RunAsync(
        connection,
        """
        WITH inbox AS (INSERT INTO inbox (event_id, consumer, processed_at) VALUES ($1, 'analytics.event-log', now()))
        INSERT INTO event_log (event_id, occurred_at, aggregate_id, aggregate_version, body, received_at, type)
        VALUES ($1, $2, $3, $4, $5::jsonb, now(), $6)
        """,
        e.EventId, e.OccurredAt.ToUniversalTime(), e.AggregateId, e.AggregateVersion,
        JsonSerializer.Serialize(e, e.GetType(), JsonSerializerOptions.Web), ShopEvents.Catalog.NameOf(e.GetType()));

    private static Task JourneyAsync(
        NpgsqlConnection connection, Guid order, string step, DateTimeOffset at, decimal? total, string? currency, string? reason) => RunAsync(
        connection,
        $"""
        INSERT INTO order_journeys AS journey (order_id, {step}, total, currency, rejection_reason)
        VALUES ($1, $2, $3::numeric, $4::text, $5::text)
        ON CONFLICT (order_id) DO UPDATE SET
            placed_at = least(journey.placed_at, excluded.placed_at),
            confirmed_at = least(journey.confirmed_at, excluded.confirmed_at),
            rejected_at = least(journey.rejected_at, excluded.rejected_at),
            cancelled_at = least(journey.cancelled_at, excluded.cancelled_at),
            shipped_at = least(journey.shipped_at, excluded.shipped_at),
            total = coalesce(journey.total, excluded.total),
            currency = coalesce(journey.currency, excluded.currency),
            rejection_reason = coalesce(journey.rejection_reason, excluded.rejection_reason)
        """,
        order, at.ToUniversalTime(), total, currency, reason);

    private static Task SalesAsync(NpgsqlConnection connection, IIntegrationEvent e, string currency, int orders, long units,
        decimal revenue, int cancelled, decimal cancelledRevenue) => RunAsync(
        connection,
        """
        INSERT INTO sales_per_day AS sales (day, currency, orders, units, revenue, cancelled_orders, cancelled_revenue)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (day, currency) DO UPDATE SET
            orders = sales.orders + excluded.orders,
            units = sales.units + excluded.units,
            revenue = sales.revenue + excluded.revenue,
            cancelled_orders = sales.cancelled_orders + excluded.cancelled_orders,
            cancelled_revenue = sales.cancelled_revenue + excluded.cancelled_revenue
        """,
        DateOnly.FromDateTime(e.OccurredAt.UtcDateTime), currency, orders, units, revenue, cancelled, cancelledRevenue);

    private static async Task RunAsync(NpgsqlConnection connection, string sql, params object?[] values)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value ?? DBNull.Value });
        }

        await command.ExecuteNonQueryAsync();
    }
}
