using System.Net;
using System.Text.Json;
using Shop.Cli.Demo;

namespace Shop.Cli.Journey;

internal sealed record OrderSummary(
    Guid Id, string Status, IReadOnlyList<OrderSummary.Line> Lines, decimal Total, string Currency, DateTimeOffset PlacedAt, int Version)
{
    public sealed record Line(string Sku, int Quantity);
}

internal sealed record HistoryEntry(int Version, string? From, string To, string? Reason, string Cause, string? CausedBy, DateTimeOffset? At);

internal sealed record Movement(string Sku, string Kind, int Quantity, Guid? OrderId, DateTimeOffset At);

internal sealed record LoggedEvent(Guid EventId, DateTimeOffset OccurredAt, string Type, int AggregateVersion, DateTimeOffset ReceivedAt);

internal sealed record Message(
    Guid EventId, string Recipient, string Channel, string Subject, string Status, int Attempts, string? Error,
    DateTimeOffset CreatedAt, DateTimeOffset? DeliveredAt);

/// <summary>The records of one order in the four services.</summary>
internal sealed record OrderRecords(
    OrderSummary Order, IReadOnlyList<HistoryEntry> History, IReadOnlyList<Movement> Movements,
    IReadOnlyList<LoggedEvent> Events, IReadOnlyList<Message> Messages)
{
    /// <summary>Reads them, as staff; null if Ordering has no such order.</summary>
    public static async Task<OrderRecords?> ReadAsync(ShopApi api, Guid id, CancellationToken ct)
    {
        var staff = ShopApi.Token("journey", staff: true);
        var answer = await api.GetAsync("ordering", $"/orders/{id}", staff, ct);
        if (!answer.Is(HttpStatusCode.OK))
        {
            return answer.Is(HttpStatusCode.NotFound) ? null : throw new FailureException($"Ordering answered {(int)answer.Status}: {answer.Body}");
        }

        var order = answer.Read<OrderSummary>();
        return new OrderRecords(
            order,
            await api.ListAsync<HistoryEntry>("ordering", $"/orders/{id}/history", staff, ct),
            await MovementsAsync(api, order, staff, ct),
            await api.ListAsync<LoggedEvent>("analytics", $"/analytics/events?aggregateId={id}", staff, ct),
            await api.ListAsync<Message>("notification", $"/notifications?orderId={id}", staff, ct));
    }

    /// <summary>The ledger is by product, newest first: it is read back to the order's placing.</summary>
    private static async Task<List<Movement>> MovementsAsync(ShopApi api, OrderSummary order, string staff, CancellationToken ct)
    {
        List<Movement> movements = [];
        foreach (var sku in order.Lines.Select(line => line.Sku))
        {
            string? cursor = null;
            do
            {
                var path = $"/products/{Uri.EscapeDataString(sku)}/movements?limit=200" + (cursor is null ? "" : $"&cursor={cursor}");
                var answer = await api.GetAsync("inventory", path, staff, ct);
                if (!answer.Is(HttpStatusCode.OK))
                {
                    break; // Inventory has no such product
                }

                var page = answer.Read<Page<Movement>>();
                movements.AddRange(page.Items.Where(movement => movement.OrderId == order.Id).Select(movement => movement with { Sku = sku }));
                cursor = page.Items is [.., var last] && last.At >= order.PlacedAt ? page.NextCursor : null;
            }
            while (cursor is not null);
        }

        return movements;
    }
}
