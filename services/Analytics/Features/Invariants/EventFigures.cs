using Microsoft.EntityFrameworkCore;
using Npgsql;
using Shop.Analytics.Persistence;
using Shop.Messaging.Operations;
using Shop.ServiceDefaults.Operations;

namespace Shop.Analytics.Features.Invariants;

/// <summary>Analytics' side of I5 and I7: what became of the orders that were placed within a window, and the events that were recorded in it.</summary>
internal static class EventFigures
{
    // An order's id begins with the time of its placing: a range of the primary key.
    private const string Figures = """
        SELECT step, count(*)::numeric FROM order_journeys CROSS JOIN LATERAL (VALUES
            ('placed', placed_at), ('confirmed', confirmed_at), ('rejected', rejected_at), ('cancelled', cancelled_at), ('shipped', shipped_at)) AS steps (step, at)
        WHERE order_id >= $1 AND order_id < $2 AND at < $3 GROUP BY step
        UNION ALL
        SELECT 'sold ' || currency, sum(total) FROM order_journeys
        WHERE order_id >= $1 AND order_id < $2 AND confirmed_at < $3 GROUP BY currency
        """;

    // By the ids, as the inboxes count; by occurred_at too, with a margin, which selects the partitions.
    private const string Logged = """
        SELECT type, count(*) FROM event_log WHERE event_id >= $1 AND event_id < $2
            AND occurred_at >= $3 - interval '1 hour' AND occurred_at < $4 + interval '1 hour' GROUP BY type
        """;

    public static async Task<InvariantPart> ReadAsync(IServiceProvider services, InvariantWindow window, CancellationToken ct)
    {
        var db = services.GetRequiredService<AnalyticsDbContext>();
        await db.Database.OpenConnectionAsync(ct);
        var connection = (NpgsqlConnection)db.Database.GetDbConnection();
        var (first, last) = (EventIds.FirstOf(window.From), EventIds.FirstOf(window.Until));
        return new InvariantPart(
            Figures: await ReadAsync<decimal>(connection, Figures, ct, first, last, window.Until),
            Logged: await ReadAsync<long>(connection, Logged, ct, first, last, window.From, window.Until));
    }

    private static async Task<Dictionary<string, T>> ReadAsync<T>(NpgsqlConnection connection, string sql, CancellationToken ct, params object[] values)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        }

        Dictionary<string, T> figures = [];
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            figures[reader.GetString(0)] = reader.GetFieldValue<T>(1);
        }

        return figures;
    }
}
