namespace Shop.Operations.Journey;

/// <summary>What kind of step it is.</summary>
public enum StepKind
{
    /// <summary>A person or a deadline changed the order.</summary>
    Request,

    /// <summary>An event changed the order.</summary>
    Change,

    /// <summary>Domain events, with their handlers before and after the commit.</summary>
    Commit,

    /// <summary>The relay published an event, and the broker confirmed it.</summary>
    Publish,

    /// <summary>A consumer received an event.</summary>
    Receive,

    /// <summary>The inbox row and the consumer's effects were committed.</summary>
    Inbox,

    /// <summary>A redelivery, which the inbox recognized.</summary>
    Duplicate,

    /// <summary>What a consumer did: units were moved, a message was written.</summary>
    Effect,

    /// <summary>A message reached its recipient.</summary>
    Mail,

    /// <summary>Something failed, and waits for a person or for a retry; or a person discarded it.</summary>
    Failure,

    /// <summary>An event waits to be published.</summary>
    Waiting,
}

/// <summary>One thing that happened.</summary>
/// <param name="Where">Where to see more of it.</param>
public sealed record Step(DateTimeOffset At, string Service, StepKind Kind, string What, Guid? EventId = null, Place? Where = null);

/// <summary>Merges the records of the four services by time.</summary>
public static class Story
{
    /// <summary>Of the time in a message.</summary>
    private static readonly TimeSpan s_precision = TimeSpan.FromMilliseconds(1);

    public static IReadOnlyList<Step> Of(OrderRecords records) =>
    [
        .. Ordering(records).Concat(Inventory(records)).Concat(Events(records)).Concat(Messages(records)).Concat(Delivery(records))
            .OrderBy(step => step.At).ThenBy(step => step.Kind),
    ];

    private static IEnumerable<Step> Ordering(OrderRecords records) => records.History.Where(entry => entry.At is not null).SelectMany(entry =>
    {
        var cause = entry.CausedBy is { } by ? $"{entry.Cause} {by}" : entry.Cause;
        return Committed(records, entry).Prepend(new Step(entry.At!.Value, "ordering", entry.Cause == "event" ? StepKind.Change : StepKind.Request,
            $"{entry.To} by {cause}{(entry.Reason is { } reason ? $": {reason}" : "")}"));
    });

    /// <summary>The domain events of a change: each status has its own, and one is raised at any change.</summary>
    private static IEnumerable<Step> Committed(OrderRecords records, HistoryEntry entry)
    {
        var raised = records.DomainEvents.Where(one => one.Event.Equals($"order{entry.To}", StringComparison.OrdinalIgnoreCase) || one.Event == "OrderStatusChanged").ToList();
        if (raised.Count > 0)
        {
            yield return new Step(entry.At!.Value, "ordering", StepKind.Commit, $"committed with {string.Join(", ", raised.Select(one => one.Event))}"
                + Handlers("before the commit", raised.SelectMany(one => one.Before)) + Handlers("after it", raised.SelectMany(one => one.After)));
        }
    }

    private static string Handlers(string when, IEnumerable<string> handlers) =>
        handlers.Distinct().ToList() is { Count: > 0 } some ? $"; {when}: {string.Join(", ", some)}" : "";

    // All units of an order move at one time: one line.
    private static IEnumerable<Step> Inventory(OrderRecords records) => records.Movements.GroupBy(movement => (movement.At, movement.Kind))
        .Select(moved => new Step(moved.Key.At, "inventory", StepKind.Effect,
            $"{moved.Key.Kind} {string.Join(", ", moved.Select(movement => $"{movement.Quantity} x {movement.Sku}"))}"));

    private static IEnumerable<Step> Events(OrderRecords records) => records.Events.Select(logged => new Step(
        logged.ReceivedAt, "analytics", StepKind.Effect,
        $"logged {logged.Type}, version {logged.AggregateVersion}, {Math.Max(0, (logged.ReceivedAt - logged.OccurredAt).TotalMilliseconds):0} ms after it occurred",
        logged.EventId));

    private static IEnumerable<Step> Messages(OrderRecords records) => records.Messages.SelectMany(message =>
    {
        var letter = $"\"{message.Subject}\" to {message.Recipient} by {message.Channel}";
        return message.DeliveredAt is { } delivered
            ? [new Step(message.CreatedAt, "notification", StepKind.Effect, $"wrote {letter}", message.EventId),
                new Step(delivered, "notification", StepKind.Mail, $"delivered {letter}", message.EventId)]
            : (IEnumerable<Step>)[new Step(message.CreatedAt, "notification", message.Status == "failed" ? StepKind.Failure : StepKind.Effect,
                $"wrote {letter}: {message.Status}{(message.Error is { } error ? $" ({error})" : "")}", message.EventId)];
    });

    /// <summary>What the services' messaging has recorded of the order's events.</summary>
    private static IEnumerable<Step> Delivery(OrderRecords records)
    {
        var types = records.Events.ToLookup(logged => logged.EventId, logged => logged.Type);
        string TypeOf(Guid id) => types[id].FirstOrDefault() ?? "event";
        return Published(records, TypeOf).Concat(records.Facts.SelectMany(facts => Consumed(facts, TypeOf).Concat(Stuck(facts))));
    }

    /// <summary>
    /// The relay's own time, from the message; without a consumer that has it, the time of the confirm, which a consumer may be ahead of. An event
    /// is never drawn as published after it was received, though the machines' clocks say so.
    /// </summary>
    private static IEnumerable<Step> Published(OrderRecords records, Func<Guid, string> typeOf)
    {
        var confirmed = records.Facts.SelectMany(facts => facts.Published).Where(one => one.Type.Contains('.', StringComparison.Ordinal))
            .DistinctBy(one => one.EventId).ToDictionary(one => one.EventId);
        var handled = records.Facts.SelectMany(facts => facts.Handled).ToLookup(one => one.EventId);
        foreach (var id in confirmed.Keys.Union(handled.Select(one => one.Key)))
        {
            var confirm = confirmed.GetValueOrDefault(id);
            var sent = handled[id].Select(one => one.PublishedAt).FirstOrDefault(time => time is not null);
            var type = confirm?.Type ?? typeOf(id);
            if ((sent ?? confirm?.PublishedAt) is not { } at || !type.Contains('.', StringComparison.Ordinal))
            {
                continue;
            }

            var ahead = at - (handled[id].Select(one => one.ReceivedAt).Min() ?? at);
            yield return new Step(ahead > TimeSpan.Zero ? at - ahead : at, type.Split('.')[0], StepKind.Publish, $"published {type}"
                + (confirm?.RecordedAt is { } recorded ? $", confirmed {Math.Max(0, (confirm.PublishedAt - recorded).TotalMilliseconds):0} ms after it was stored" : "")
                + (sent is not null && ahead > s_precision ? $"; by its own clock {ahead.TotalMilliseconds:0} ms after it was received: the clocks differ" : ""), id);
        }
    }

    private static IEnumerable<Step> Consumed(JourneyFacts facts, Func<Guid, string> typeOf) =>
        facts.Handled.Where(one => one.ReceivedAt is not null)
            .Select(one => new Step(one.ReceivedAt!.Value, facts.Service, StepKind.Receive, $"{Name(one.Queue)} received {typeOf(one.EventId)}", one.EventId))
            .Concat(facts.Handled.Select(one => new Step(one.HandledAt, facts.Service, StepKind.Inbox,
                $"{Name(one.Queue)} processed it: new in the inbox, committed with its effects{After(one)}", one.EventId)))
            .Concat(facts.Duplicates.Select(one => new Step(one.At, facts.Service, StepKind.Duplicate,
                $"{Name(one.Queue)} received {typeOf(one.EventId)} again: a duplicate, which changed nothing", one.EventId)));

    private static IEnumerable<Step> Stuck(JourneyFacts facts) =>
        facts.Waiting.Where(one => one.RecordedAt is not null).Select(one => new Step(one.RecordedAt!.Value, facts.Service, StepKind.Waiting,
            $"{one.Type} is stored in the outbox and not published yet", one.EventId, new Place(PlaceKind.Outbox, facts.Service)))
            .Concat(facts.Parked.Select(one => new Step(one.Since, facts.Service, StepKind.Failure,
                $"{one.Type} is parked: {one.Error ?? "it waits behind an earlier event"}", one.EventId, new Place(PlaceKind.Outbox, facts.Service))))
            .Concat((facts.DeadLetters ?? []).Where(one => one.FirstDeath is not null).Select(one => new Step(one.FirstDeath!.Value, facts.Service, StepKind.Failure,
                $"{Name(one.Queue)} could not handle {one.EventType}: {one.Why}", Guid.TryParse(one.Id, out var id) ? id : null,
                new Place(PlaceKind.DeadLetters, one.Queue))))
            .Concat((facts.Discarded ?? []).Select(one => new Step(one.At, facts.Service, StepKind.Failure, one.Line(facts.Service),
                Guid.TryParse(one.Id, out var id) ? id : null, new Place(PlaceKind.Discarded, one.Queue ?? facts.Service))));

    private static string After(HandledFact one) => (one.Retries, one.Attempts) switch
    {
        (1, _) => ", at the first delayed retry",
        ( > 1 and var retries, _) => $", at the delayed retry {retries}",
        (_, > 1 and var attempts) => $", after {attempts} attempts",
        _ => "",
    };

    private static string Name(string queue) => queue[(queue.IndexOf('.', StringComparison.Ordinal) + 1)..];
}
