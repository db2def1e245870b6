namespace Shop.Operations.Journey;

/// <summary>The answer to a customer who asks for an order, and where the cause is.</summary>
/// <param name="IsGood">Whether nothing has to be done.</param>
public sealed record Cause(string What, bool IsGood, Place? Where)
{
    private static readonly TimeSpan s_underWay = TimeSpan.FromSeconds(10);

    /// <summary>The worst thing about an order; how it stands, where there is none.</summary>
    public static Cause Of(OrderRecords records, IReadOnlyList<Gap> gaps, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(records);
        return Stuck(records) ?? MailRefused(records) ?? ShortStock(records) ?? Discarded(records) ?? Waiting(records, now)
            ?? (gaps.FirstOrDefault(gap => !gap.IsFinal) is { } first && records.Order.Status != OrderRecords.UnknownStatus ? Missing(records, first, gaps, now) : Stands(records));
    }

    /// <summary>What a change causes takes a moment: until then it is no fault.</summary>
    private static Cause Missing(OrderRecords records, Gap first, IReadOnlyList<Gap> gaps, DateTimeOffset now)
    {
        var age = now - records.History.Select(entry => entry.At ?? records.Order.PlacedAt).Append(records.Order.PlacedAt).Max();
        return age < s_underWay && records.Unknown.Count == 0 && !gaps.Any(gap => gap.IsFinal)
            ? new Cause($"Under way, {Words.Age(age)} after its last change. Still to come: {first.What}.", true, null)
            : new Cause($"Something is missing: {first.What}.", false, first.Where.Count > 0 ? first.Where[0] : null);
    }

    private static Cause? Stuck(OrderRecords records)
    {
        var dead = records.Facts.SelectMany(facts => facts.DeadLetters ?? []).FirstOrDefault();
        if (dead is not null)
        {
            return new Cause($"{dead.Queue} could not handle {dead.EventType}: {dead.Why} Mend the cause, then send the message again.",
                false, new Place(PlaceKind.DeadLetters, dead.Queue));
        }

        return records.Facts.SelectMany(facts => facts.Parked.Select(one => (facts.Service, Event: one))).FirstOrDefault() is { Event: { } parked } found
            ? new Cause($"{parked.Type} is parked in {found.Service}'s outbox: {parked.Error} It is retried automatically.", false, new Place(PlaceKind.Outbox, found.Service))
            : null;
    }

    private static Cause? MailRefused(OrderRecords records) => records.Messages.FirstOrDefault(message => message.Status == "failed") is { } refused
        ? new Cause($"The {refused.Channel} \"{refused.Subject}\" was not delivered after {Words.Count(refused.Attempts, "attempt")}: {refused.Error ?? "refused"}. "
            + "Correct the contact, then send the notification again.", false, new Place(PlaceKind.Log, "notification"))
        : null;

    private static Cause? ShortStock(OrderRecords records) => records.Order is { Status: "rejected", Reason: { } reason }
        ? new Cause(reason.ShortLines.Count > 0
            ? $"Rejected for want of stock: {string.Join("; ", reason.ShortLines.Select(line => $"{line.Asked} of {line.Sku} were asked for and {line.Available} were available"))}."
            : $"Rejected: {reason.Code}.", true, null)
        : null;

    private static Cause? Discarded(OrderRecords records) => records.Discarded.FirstOrDefault() is { Fact: { } discarded } found
        ? new Cause($"{discarded.Line(found.Service).TrimEnd('.')}. {(discarded.Queue is null ? "Nobody receives it" : "It is not handled")}"
            + (records.Order.Status == "placed" ? ": the order waits for nothing, and is cancelled when Inventory's answer is overdue." : "."),
            false, new Place(PlaceKind.Discarded, discarded.Queue ?? found.Service))
        : null;

    private static Cause? Waiting(OrderRecords records, DateTimeOffset now) => records.Order.Status != "placed" ? null
        : records.Facts.FirstOrDefault(facts => facts.Waiting.Count > 0) is { } outbox
        ? new Cause($"{outbox.Waiting[0].Type} waits in {outbox.Service}'s outbox"
            + (outbox.Waiting[0].RecordedAt is { } recorded ? $" for {Words.Age(now - recorded)}" : "") + ": it is not published yet.", false, new Place(PlaceKind.Outbox, outbox.Service))
        : records.Facts.FirstOrDefault(facts => facts.Service == "ordering") is { LogBytes: > 0 and var bytes, Published.Count: 0 } && records.Events.Count == 0
        ? new Cause($"Ordering's event is not published, as far as is known: its relay reads the database's log, and {Math.Max(1, bytes / 1024)} KB of it are not "
            + "confirmed. An event that waits there cannot be looked up.", false, new Place(PlaceKind.Outbox, "ordering"))
        : records.Facts.FirstOrDefault(facts => facts is { Service: "inventory", Retrying: > 0 }) is { } inventory
        ? new Cause($"Inventory has not answered for {Words.Age(now - records.Order.PlacedAt)}. It has {Words.Count(inventory.Retrying!.Value, "message")} that failed and "
            + "will be tried again, and this order's may be one of them: it still waits. The last error is on the overview.", false, new Place(PlaceKind.Status, "inventory"))
        : new Cause($"Inventory has not answered for {Words.Age(now - records.Order.PlacedAt)}, and nothing has failed: it still waits. "
            + "See on the overview whether inventory consumes.", false, new Place(PlaceKind.Status, "inventory"));

    private static Cause Stands(OrderRecords records)
    {
        if (records.Order.Status == OrderRecords.UnknownStatus)
        {
            return new Cause("Ordering does not answer, so its state is unknown. What the other services know is below.", false, new Place(PlaceKind.Status, "ordering"));
        }

        var stands = records.Order switch
        {
            { Status: "cancelled", Reason: { } reason } => $"Cancelled: {reason.Code}.",
            { Status: "confirmed" } => "Confirmed; it is not shipped yet.",
            { Status: var status } => $"{char.ToUpperInvariant(status[0])}{status[1..]}.",
        };
        return new Cause(stands + (records.Messages.Any(message => message.DeliveredAt is not null) ? " The customer was notified." : ""), true, null);
    }
}
