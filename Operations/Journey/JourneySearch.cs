namespace Shop.Operations.Journey;

/// <summary>What was found for what somebody typed.</summary>
/// <param name="Order">The order, where it is one's.</param>
/// <param name="Explanation">Why there is none.</param>
public sealed record Found(Guid? Order, string? Explanation)
{
    private const int TraceIdLength = 32;

    /// <summary>Finds an order by its id, its path, the id of one of its events, or the id of a trace.</summary>
    public static async Task<Found> SearchAsync(StaffApis services, string words, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(services);
        var word = words.Trim().TrimEnd('/').Split('/')[^1].TrimStart('#').Trim();
        if (!Guid.TryParse(word, out var id))
        {
            return new Found(null, $"'{word}' is not an id. An order's number is its id, like 019a3c1e-7d52-7c11-b2a5-3f0e9c4d8a61; "
                + "an event's looks the same, and a trace's has 32 digits and letters from a to f.");
        }

        var analytics = services.Of("analytics");
        if (word.Length == TraceIdLength && await analytics.ListAsync<LoggedEvent>($"analytics/events?traceId={word.ToLowerInvariant()}", ct) is { Count: > 0 } traced)
        {
            return Of(traced, $"The trace {word} has events, and none of an order: it is about {Subjects(traced)}.");
        }

        if (await services.Of("ordering").FindAsync<OrderSummary>($"orders/{id}", ct) is not null)
        {
            return new Found(id, null);
        }

        var events = await analytics.ListAsync<LoggedEvent>($"analytics/events?eventId={id}", ct);
        return events.Count == 0
            ? new Found(null, $"Nothing has the id {id}: no order at Ordering, and no event or trace at Analytics. "
                + "An event that is not published yet is found by its order.")
            : Of(events, $"The event {id} is {events[0].Type}, of {Subjects(events)}, which is no order.");
    }

    private static Found Of(List<LoggedEvent> events, string otherwise)
    {
        var orders = events.OrderByDescending(one => one.Type.StartsWith("ordering.order-", StringComparison.Ordinal))
            .Select(one => Guid.TryParse(one.AggregateId, out var order) ? order : (Guid?)null).FirstOrDefault(order => order is not null);
        return orders is { } found ? new Found(found, null) : new Found(null, otherwise);
    }

    private static string Subjects(List<LoggedEvent> events) => string.Join(", ", events.Select(one => one.AggregateId ?? "?").Distinct().Take(3));
}
