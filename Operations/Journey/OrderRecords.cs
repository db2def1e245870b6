using System.Text.Json;

namespace Shop.Operations.Journey;

public sealed record OrderSummary(
    Guid Id, string Status, IReadOnlyList<OrderSummary.Line> Lines, decimal Total, string Currency, DateTimeOffset PlacedAt, int Version,
    OrderSummary.ReasonFor? Reason = null)
{
    public sealed record Line(string Sku, int Quantity);

    /// <summary>Why it was rejected or cancelled.</summary>
    public sealed record ReasonFor(string Code, IReadOnlyList<ShortLine> ShortLines);

    /// <summary>A line that was short of stock.</summary>
    public sealed record ShortLine(string Sku, int Asked, int Available);
}

public sealed record HistoryEntry(int Version, string? From, string To, string? Reason, string Cause, string? CausedBy, DateTimeOffset? At);

public sealed record Movement(string Sku, string Kind, int Quantity, Guid? OrderId, DateTimeOffset At);

public sealed record LoggedEvent(Guid EventId, DateTimeOffset OccurredAt, string Type, int AggregateVersion, DateTimeOffset ReceivedAt,
    string? AggregateId = null, string? TraceId = null, JsonElement? Body = null);

public sealed record Message(
    Guid EventId, string Recipient, string Channel, string Subject, string Status, int Attempts, string? Error,
    DateTimeOffset CreatedAt, DateTimeOffset? DeliveredAt);

/// <summary>The records of one order in the four services. What a service that does not answer would say is empty, and the service unknown.</summary>
/// <param name="Facts">What the services' messaging knows of the order's events.</param>
/// <param name="DomainEvents">Ordering's, with their handlers.</param>
/// <param name="Unknown">The services that did not answer.</param>
public sealed record OrderRecords(
    OrderSummary Order, IReadOnlyList<HistoryEntry> History, IReadOnlyList<Movement> Movements,
    IReadOnlyList<LoggedEvent> Events, IReadOnlyList<Message> Messages, IReadOnlyList<JourneyFacts> Facts,
    IReadOnlyList<DomainEventHandlers> DomainEvents, IReadOnlyList<string> Unknown)
{
    /// <summary>What persons discarded of its events, and at which service.</summary>
    public IEnumerable<(string Service, DiscardedFact Fact)> Discarded =>
        Facts.SelectMany(facts => (facts.Discarded ?? []).Select(fact => (facts.Service, fact)));

    /// <summary>The status of an order while Ordering does not answer.</summary>
    public const string UnknownStatus = "unknown";

    /// <summary>A service that takes longer is unknown: what the others know is not to wait for it.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>Reads them; null if Ordering has no such order.</summary>
    /// <exception cref="HttpRequestException">Ordering does not answer, and Analytics has no event of the order.</exception>
    /// <exception cref="StaffApiException">Ordering refused it, and Analytics has no event of the order.</exception>
    public static async Task<OrderRecords?> ReadAsync(StaffApis services, Guid id, CancellationToken ct)
    {
        var ordering = services.Of("ordering");
        var asked = FindAsync(ordering, id, ct);
        var history = Answer.OrUnknownAsync("ordering", () => ordering.ListAsync<HistoryEntry>($"orders/{id}/history", ct).WaitAsync(Patience, ct), ct);
        var events = Answer.OrUnknownAsync("analytics", () => services.Of("analytics").ListAsync<LoggedEvent>($"analytics/events?aggregateId={id}", ct).WaitAsync(Patience, ct), ct);
        var known = await asked;
        var found = known.Value ?? (known.Problem is null ? null
            : OfEvents(id, (await events).Value ?? []) ?? await ordering.FindAsync<OrderSummary>($"orders/{id}", ct));
        if (found is not { } order)
        {
            return null;
        }

        var movements = Answer.OrUnknownAsync("inventory", () => MovementsAsync(services.Of("inventory"), order, ct).WaitAsync(Patience, ct), ct);
        var domain = Answer.OrUnknownAsync("ordering", () => ContractsInUse.AskAsync(ordering, ct).WaitAsync(Patience, ct), ct);
        var messages = Answer.OrUnknownAsync("notification", () => services.Of("notification").ListAsync<Message>($"notifications?orderId={id}", ct).WaitAsync(Patience, ct), ct);
        var logged = await events;
        var ids = (logged.Value ?? []).Select(one => one.EventId);
        var facts = await services.AskAllAsync(service => JourneyFacts.AskAsync(service, ids, id.ToString(), ct).WaitAsync(Patience, ct), ct);
        var (moved, written) = (await movements, await messages);
        var recorded = await history;
        return new OrderRecords(order, recorded.Value ?? [], moved.Value ?? [], logged.Value ?? [], written.Value ?? [], [.. facts.Select(answer => answer.Value).OfType<JourneyFacts>()],
            (await domain).Value?.DomainEvents ?? [],
            [.. new[] { (known.Service, known.Problem), (recorded.Service, recorded.Problem), (moved.Service, moved.Problem), (logged.Service, logged.Problem), (written.Service, written.Problem) }
                .Concat(facts.Select(answer => (answer.Service, answer.Problem)))
                .Where(answer => answer.Problem is not null).Select(answer => answer.Service).Distinct()]);
    }

    /// <summary>Without a value and without a problem Ordering has no such order.</summary>
    internal static Task<Answer<OrderSummary>> FindAsync(StaffApi ordering, Guid id, CancellationToken ct) =>
        Answer.OrUnknownAsync("ordering", async () => (await ordering.FindAsync<OrderSummary>($"orders/{id}", ct).WaitAsync(Patience, ct))!, ct);

    /// <summary>What Ordering would say, as far as the event of the placing has it; null without it.</summary>
    private static OrderSummary? OfEvents(Guid id, List<LoggedEvent> events)
    {
        if (events.Find(one => one is { AggregateVersion: 1, Body.ValueKind: JsonValueKind.Object }) is not { } placed)
        {
            return null;
        }

        var lines = placed.Body!.Value.TryGetProperty("lines", out var listed) && listed.ValueKind == JsonValueKind.Array ? listed.Deserialize<List<OrderSummary.Line>>(JsonSerializerOptions.Web) : null;
        return new OrderSummary(id, UnknownStatus, lines ?? [], 0, "", placed.OccurredAt, 1);
    }

    /// <summary>The ledger is by product, newest first: it is read back to the order's placing.</summary>
    private static async Task<List<Movement>> MovementsAsync(StaffApi inventory, OrderSummary order, CancellationToken ct)
    {
        List<Movement> movements = [];
        foreach (var sku in order.Lines.Select(line => line.Sku))
        {
            try
            {
                var ledger = await inventory.ListAsync<LedgerEntry>(
                    $"products/{Uri.EscapeDataString(sku)}/movements", ct, isEnough: last => last.At < order.PlacedAt);
                movements.AddRange(ledger.Where(entry => entry.OrderId == order.Id)
                    .Select(entry => new Movement(sku, entry.Kind, entry.Quantity, entry.OrderId, entry.At)));
            }
            catch (StaffApiException e) when (e.Status == System.Net.HttpStatusCode.NotFound)
            {
                // Inventory has no such product
            }
        }

        return movements;
    }

    /// <summary>A movement as the ledger of one product has it.</summary>
    private sealed record LedgerEntry(string Kind, int Quantity, Guid? OrderId, DateTimeOffset At);
}
