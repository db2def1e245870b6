namespace Shop.Operations;

/// <summary>A dead letter as a service's staff API returns it.</summary>
public sealed record DeadLetterView(
    string Queue, string Id, string? EventType, string? AggregateId, string Why, DateTimeOffset? FirstDeath, int Deaths, DiscardView? Discarded)
{
    /// <summary>The event and what it is about.</summary>
    public string What => (EventType, AggregateId) switch
    {
        (null, _) => "of unknown type",
        ({ } type, null) => type,
        ({ } type, { } about) => $"{type} of {about}",
    };
}

/// <summary>A person's decision that a message will not be handled.</summary>
public sealed record DiscardView(string Reason, string By, DateTimeOffset At);

/// <summary>A dead letter with its headers and its body, as a service's staff API masks them.</summary>
public sealed record DeadLetterContentView(
    DeadLetterView Letter, string? ContentType, IReadOnlyDictionary<string, string> Headers, string Body, long BodyBytes);

/// <summary>How many messages were moved, and how many were left.</summary>
public sealed record MovedView(int Count, int Left);
