namespace Shop.Cli.Journey;

/// <summary>One thing that happened.</summary>
internal sealed record Step(DateTimeOffset At, string Service, string What);

/// <summary>Merges the records of the four services by time.</summary>
internal static class Story
{
    public static IReadOnlyList<Step> Of(OrderRecords records) =>
    [
        .. Ordering(records).Concat(Inventory(records)).Concat(Events(records)).Concat(Messages(records)).OrderBy(step => step.At),
    ];

    private static IEnumerable<Step> Ordering(OrderRecords records) => records.History.Where(entry => entry.At is not null).Select(entry =>
    {
        var cause = entry.CausedBy is { } by ? $"{entry.Cause} {by}" : entry.Cause;
        return new Step(entry.At!.Value, "ordering", $"{entry.To} by {cause}{(entry.Reason is { } reason ? $": {reason}" : "")}");
    });

    // All units of an order move at one time: one line.
    private static IEnumerable<Step> Inventory(OrderRecords records) => records.Movements.GroupBy(movement => (movement.At, movement.Kind))
        .Select(moved => new Step(moved.Key.At, "inventory",
            $"{moved.Key.Kind} {string.Join(", ", moved.Select(movement => $"{movement.Quantity} x {movement.Sku}"))}"));

    private static IEnumerable<Step> Events(OrderRecords records) => records.Events.Select(logged => new Step(
        logged.ReceivedAt, "analytics",
        $"logged {logged.Type}, version {logged.AggregateVersion}, {Math.Max(0, (logged.ReceivedAt - logged.OccurredAt).TotalMilliseconds):0} ms after it occurred"));

    private static IEnumerable<Step> Messages(OrderRecords records) => records.Messages.SelectMany(message =>
    {
        var letter = $"\"{message.Subject}\" to {message.Recipient} by {message.Channel}";
        return message.DeliveredAt is { } delivered
            ? [new Step(message.CreatedAt, "notification", $"wrote {letter}"), new Step(delivered, "notification", $"delivered {letter}")]
            : (IEnumerable<Step>)[new Step(message.CreatedAt, "notification", $"wrote {letter}: {message.Status}{(message.Error is { } error ? $" ({error})" : "")}")];
    });
}
