using System.ComponentModel.DataAnnotations;

namespace Shop.Ordering.Features;

/// <summary>The configuration section <c>Ordering</c>. Validated at startup.</summary>
internal sealed class OrderingSettings : IValidatableObject
{
    /// <summary>How long an order waits for Inventory's answer before it is cancelled. 10 minutes; at least 1 second, at most 30 days.</summary>
    public TimeSpan AnswerDeadline { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How often overdue orders are looked for. 10 seconds; 10 milliseconds to 1 hour.</summary>
    public TimeSpan SweepInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How many overdue orders are read per query. 100; 1 to 10,000.</summary>
    [Range(1, 10_000)]
    public int SweepBatch { get; init; } = 100;

    /// <summary>How often an instance polls for changes of watched orders by other instances. 1 second; 10 milliseconds to 1 minute.</summary>
    public TimeSpan WatchInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>After how long idle an open stream sends a keep-alive. 15 seconds; 10 milliseconds to 5 minutes.</summary>
    public TimeSpan KeepAlive { get; init; } = TimeSpan.FromSeconds(15);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        var least = TimeSpan.FromMilliseconds(10);
        (string Name, TimeSpan Value, TimeSpan Least, TimeSpan Most)[] spans =
        [
            (nameof(AnswerDeadline), AnswerDeadline, TimeSpan.FromSeconds(1), TimeSpan.FromDays(30)),
            (nameof(SweepInterval), SweepInterval, least, TimeSpan.FromHours(1)),
            (nameof(WatchInterval), WatchInterval, least, TimeSpan.FromMinutes(1)),
            (nameof(KeepAlive), KeepAlive, least, TimeSpan.FromMinutes(5)),
        ];
        return spans.Where(span => span.Value < span.Least || span.Value > span.Most)
            .Select(span => new ValidationResult($"Ordering:{span.Name} is {span.Value}; it must be {span.Least} to {span.Most}.", [span.Name]));
    }
}
