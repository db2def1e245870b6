namespace Shop.Operations.Journey;

/// <summary>Something that is missing, and where to look for it.</summary>
/// <param name="IsFinal">Whether it never comes: a person discarded what it waits for, or it is too old to be known.</param>
public sealed record Gap(string What, bool IsFinal, params IReadOnlyList<Place> Where)
{
    /// <summary>One that may still come.</summary>
    public Gap(string what, params IReadOnlyList<Place> where)
        : this(what, false, where)
    {
    }

    /// <summary>For a terminal.</summary>
    public override string ToString() => Where.Count == 0 ? What : $"{What}: {string.Join(", ", Where.Select(place => place.Command))}";
}

/// <summary>What is missing, by the order's state in Ordering, and where to look for it.</summary>
public static class Gaps
{
    private static readonly Place s_orderingsOutbox = new(PlaceKind.Outbox, "ordering");

    /// <summary>The shortest time for which Analytics may be set to keep its log.</summary>
    private static readonly TimeSpan s_logged = TimeSpan.FromDays(28);

    public static IReadOnlyList<Gap> In(OrderRecords records, DateTimeOffset now) =>
    [
        .. Answer(records, now).Select(gap => Explained(records, gap)),
        .. records.Unknown.Contains("inventory") ? [] : Stock(records).Select(gap => Explained(records, gap)),
        .. records.Unknown.Contains("analytics") ? [] : Events(records, now),
        .. records.Unknown.Contains("notification") ? [] : Messages(records),
        .. records.Unknown.Select(service => new Gap($"what {service} knows of it: it does not answer", new Place(PlaceKind.Status, service))),
    ];

    /// <summary>Why something is missing for good: what it waits for was discarded, from one of the places where it may be.</summary>
    private static Gap Explained(OrderRecords records, Gap gap, string? type = null) => records.Discarded.FirstOrDefault(one =>
        (type is null || one.Fact.Type is null || one.Fact.Type.StartsWith(type, StringComparison.Ordinal))
        && gap.Where.Contains(one.Fact.Queue is { } queue ? DeadLetters(queue) : new Place(PlaceKind.Outbox, one.Service))) is { Fact: { } discarded } found
        ? new Gap($"{gap.What}, which never comes: {discarded.Line(found.Service)}", true, new Place(PlaceKind.Discarded, discarded.Queue ?? found.Service))
        : gap;

    private static IEnumerable<Gap> Answer(OrderRecords records, DateTimeOffset now) => records.Order.Status == "placed"
        ? [new Gap($"Inventory's answer, for {(now - records.Order.PlacedAt).TotalSeconds:0} s",
            s_orderingsOutbox, DeadLetters("inventory.order-placed"), new Place(PlaceKind.Outbox, "inventory"), DeadLetters("ordering.stock-reserved"), DeadLetters("ordering.stock-reservation-failed"))]
        : [];

    private static IEnumerable<Gap> Stock(OrderRecords records)
    {
        var kinds = records.Movements.Select(movement => movement.Kind).ToHashSet();
        var states = records.History.Select(entry => entry.To).Append(records.Order.Status).ToHashSet();
        if (states.Contains("confirmed") && !kinds.Contains("reserved"))
        {
            yield return new Gap("reserved units in Inventory, for a confirmed order", new Place(PlaceKind.Stock, "inventory"));
        }

        if (states.Contains("shipped") && !kinds.Contains("shipped"))
        {
            yield return new Gap("shipped units in Inventory", s_orderingsOutbox, DeadLetters("inventory.order-shipped"));
        }

        if (records.Order.Status == "cancelled" && kinds.Contains("reserved") && !kinds.Overlaps(["released", "expired"]))
        {
            yield return new Gap("the release of its reserved units in Inventory", s_orderingsOutbox, DeadLetters("inventory.order-cancelled"));
        }
    }

    private static IEnumerable<Gap> Events(OrderRecords records, DateTimeOffset now)
    {
        var logged = records.Events.Where(one => one.Type.StartsWith("ordering.", StringComparison.Ordinal)).Select(one => one.AggregateVersion).ToHashSet();
        return records.History.Where(entry => !logged.Contains(entry.Version)).Select(entry =>
        {
            var what = $"Ordering's event of version {entry.Version} ({entry.To}) at Analytics";
            return now - entry.At > s_logged
                ? new Gap($"{what}, which may be older than its log is kept", true, [])
                : Explained(records, new Gap(what, s_orderingsOutbox, DeadLetters("analytics.event-log")), $"ordering.order-{entry.To}.");
        });
    }

    /// <summary>Customers are notified of every change except the placing.</summary>
    private static IEnumerable<Gap> Messages(OrderRecords records)
    {
        var notified = records.Messages.Select(message => message.EventId).ToHashSet();
        foreach (var one in records.Events.Where(one =>
            one.Type.StartsWith("ordering.", StringComparison.Ordinal) && one.AggregateVersion > 1 && !notified.Contains(one.EventId)))
        {
            yield return Explained(records, new Gap($"Notification's message about {one.Type}", DeadLetters("notification.customer-notifications")), one.Type);
        }

        foreach (var message in records.Messages.Where(message => message.Status != "delivered"))
        {
            yield return new Gap($"the delivery of \"{message.Subject}\", which is {message.Status} after {message.Attempts} attempts"
                + (message.Error is { } error ? $" ({error})" : ""), new Place(PlaceKind.Log, "notification"));
        }
    }

    private static Place DeadLetters(string queue) => new(PlaceKind.DeadLetters, queue);
}
