using Microsoft.EntityFrameworkCore;
using Npgsql;
using Shop.Messaging.Operations;
using Shop.Ordering.Persistence;
using Shop.ServiceDefaults.Operations;

namespace Shop.Ordering.Features.Invariants;

/// <summary>Ordering's side of I5: what became of the orders that were placed within a window, until its end.</summary>
internal static class OrderFigures
{
    // An order's id begins with the time of its placing: a range of the primary key.
    private const string Counts = """
        SELECT lower(to_status), count(*)::numeric FROM orders_history WHERE order_id >= $1 AND order_id < $2 AND at < $3 GROUP BY to_status
        UNION ALL
        SELECT 'sold ' || currency, sum(total) FROM orders JOIN orders_history AS confirmed ON order_id = id AND to_status = 'Confirmed' AND at < $3
        WHERE id >= $1 AND id < $2 GROUP BY currency
        """;

    public static async Task<InvariantPart> ReadAsync(IServiceProvider services, InvariantWindow window, CancellationToken ct)
    {
        var db = services.GetRequiredService<OrderingDbContext>();
        await db.Database.OpenConnectionAsync(ct);
        await using var command = new NpgsqlCommand(Counts, (NpgsqlConnection)db.Database.GetDbConnection())
        {
            Parameters =
            {
                new() { Value = EventIds.FirstOf(window.From) }, new() { Value = EventIds.FirstOf(window.Until) }, new() { Value = window.Until },
            },
        };
        Dictionary<string, decimal> figures = [];
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            figures[reader.GetString(0)] = reader.GetDecimal(1);
        }

        return new InvariantPart(Figures: figures);
    }
}
