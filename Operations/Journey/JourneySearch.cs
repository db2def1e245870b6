using System.Text.RegularExpressions;

namespace Shop.Operations.Journey;

/// <summary>What was found for what somebody typed.</summary>
/// <param name="Order">The order, where it is one's.</param>
/// <param name="Explanation">Why there is none.</param>
public sealed partial record Found(Guid? Order, string? Explanation)
{
    private const int MostShown = 60;

    /// <summary>
    /// Finds an order by its id, its path, the id of one of its events, or the id of a trace: the first one in the text, whatever is around it,
    /// as in a mail or an address. A service that is down hides only what it alone knows.
    /// </summary>
    public static async Task<Found> SearchAsync(StaffApis services, string words, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(words);
        if (Id().Match(words) is not { Success: true } match || !Guid.TryParse(match.Value, out var id))
        {
            var shown = words.Trim();
            return new Found(null, $"'{(shown.Length > MostShown ? shown[..MostShown] + "..." : shown)}' has no id. An order's number is its id, like "
                + "019a3c1e-7d52-7c11-b2a5-3f0e9c4d8a61; an event's looks the same, and a trace's has 32 digits and letters from a to f.");
        }

        var analytics = services.Of("analytics");
        var order = await OrderRecords.FindAsync(services.Of("ordering"), id, ct);
        if (order.Value is not null)
        {
            return new Found(id, null);
        }

        foreach (var query in (string[])[$"traceId={id:N}", $"aggregateId={id}", $"eventId={id}"])
        {
            var events = await Answer.OrUnknownAsync("analytics", () => analytics.ListAsync<LoggedEvent>($"analytics/events?{query}", ct).WaitAsync(OrderRecords.Patience, ct), ct);
            if (events.Problem is not null || events.Value is { Count: > 0 })
            {
                return events.Value is { } some ? Of(some, id) : new Found(null, Unknown(order, events, id));
            }
        }

        return new Found(null, order.Problem is not null ? Unknown(order, new Answer<string>("analytics", "", null), id)
            : $"Nothing has the id {id}: no order at Ordering, and no event or trace at Analytics. An event that is not published yet is found by its order.");
    }

    private static string Unknown<T>(Answer<OrderSummary> order, Answer<T> events, Guid id)
        where T : class => string.Join(' ',
        order.Problem is { } ordering ? $"Ordering is unknown: {ordering}, so that {id} may be an order." : $"Ordering has no order {id}.",
        events.Problem is { } analytics ? $"Analytics is unknown: {analytics}, so that it may be the id of an event or a trace." : "Analytics has no event of it.");

    private static Found Of(List<LoggedEvent> events, Guid id)
    {
        var orders = events.OrderByDescending(one => one.Type.StartsWith("ordering.order-", StringComparison.Ordinal))
            .Select(one => Guid.TryParse(one.AggregateId, out var order) ? order : (Guid?)null).FirstOrDefault(order => order is not null);
        return orders is { } found ? new Found(found, null)
            : new Found(null, $"{id} has {Words.Count(events.Count, "event")}, and none of an order: {events[0].Type} of {Subjects(events)}.");
    }

    private static string Subjects(List<LoggedEvent> events) => string.Join(", ", events.Select(one => one.AggregateId ?? "?").Distinct().Take(3));

    [GeneratedRegex("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])", RegexOptions.IgnoreCase)]
    private static partial Regex Id();
}
