namespace Shop.Cli.Journey;

/// <summary>What is missing, by the order's state in Ordering, and where to look for it.</summary>
internal static class Gaps
{
    public static IReadOnlyList<string> In(OrderRecords records, DateTimeOffset now) =>
        [.. Answer(records, now), .. Stock(records), .. Events(records), .. Messages(records)];

    private static IEnumerable<string> Answer(OrderRecords records, DateTimeOffset now) => records.Order.Status == "placed"
        ? [$"Inventory's answer, for {(now - records.Order.PlacedAt).TotalSeconds:0} s: ./shop outbox ordering, ./shop dead-letters inventory.order-placed, "
            + "./shop outbox inventory"]
        : [];

    private static IEnumerable<string> Stock(OrderRecords records)
    {
        var kinds = records.Movements.Select(movement => movement.Kind).ToHashSet();
        var states = records.History.Select(entry => entry.To).Append(records.Order.Status).ToHashSet();
        if (states.Contains("confirmed") && !kinds.Contains("reserved"))
        {
            yield return "reserved units in Inventory, for a confirmed order: run Inventory's verify-stock";
        }

        if (states.Contains("shipped") && !kinds.Contains("shipped"))
        {
            yield return "shipped units in Inventory: ./shop outbox ordering, ./shop dead-letters inventory.order-shipped";
        }

        if (records.Order.Status == "cancelled" && kinds.Contains("reserved") && !kinds.Overlaps(["released", "expired"]))
        {
            yield return "the release of its reserved units in Inventory: ./shop outbox ordering, ./shop dead-letters inventory.order-cancelled";
        }
    }

    private static IEnumerable<string> Events(OrderRecords records)
    {
        var logged = records.Events.Where(one => one.Type.StartsWith("ordering.", StringComparison.Ordinal)).Select(one => one.AggregateVersion).ToHashSet();
        return records.History.Where(entry => !logged.Contains(entry.Version)).Select(entry =>
            $"Ordering's event of version {entry.Version} ({entry.To}) at Analytics: ./shop outbox ordering, ./shop dead-letters analytics.event-log");
    }

    /// <summary>Customers are notified of every change except the placing.</summary>
    private static IEnumerable<string> Messages(OrderRecords records)
    {
        var notified = records.Messages.Select(message => message.EventId).ToHashSet();
        foreach (var one in records.Events.Where(one =>
            one.Type.StartsWith("ordering.", StringComparison.Ordinal) && one.AggregateVersion > 1 && !notified.Contains(one.EventId)))
        {
            yield return $"Notification's message about {one.Type}: ./shop dead-letters notification.customer-notifications";
        }

        foreach (var message in records.Messages.Where(message => message.Status != "delivered"))
        {
            yield return $"the delivery of \"{message.Subject}\", which is {message.Status} after {message.Attempts} attempts"
                + (message.Error is { } error ? $" ({error})" : "") + ": ./shop logs notification";
        }
    }
}
