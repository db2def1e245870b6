namespace Shop.Operations.Journey;

/// <summary>What a service's messaging knows of some events.</summary>
/// <param name="Handled">By its inbox: once per event and queue.</param>
/// <param name="DeadLetters">Null where the broker is unreachable.</param>
/// <param name="Published">By the answering instance: its last thousand.</param>
/// <param name="Discarded">What persons discarded and nobody handled; null from a service of a version before it.</param>
/// <param name="LogBytes">With log tailing: how much of the log is not confirmed, where an event that waits cannot be looked up.</param>
public sealed record JourneyFacts(
    string Service, IReadOnlyList<HandledFact> Handled, IReadOnlyList<DuplicateFact> Duplicates, IReadOnlyList<WaitingFact> Waiting,
    IReadOnlyList<ParkedEvent> Parked, IReadOnlyList<PublishedFact> Published, IReadOnlyList<DeadLetterView>? DeadLetters, long? Retrying,
    long? LogBytes = null, IReadOnlyList<DiscardedFact>? Discarded = null)
{
    private const int MostEvents = 100;

    /// <summary>Asks a service for the facts about events, and about a stream: an aggregate's id. A service of a version before it has any says none.</summary>
    public static async Task<JourneyFacts> AskAsync(StaffApi service, IEnumerable<Guid> events, string stream, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(service);
        return await service.FindAsync<JourneyFacts>(
            $"operations/journey?stream={Uri.EscapeDataString(stream)}{string.Concat(events.Take(MostEvents).Select(id => $"&event={id}"))}", ct)
            ?? new JourneyFacts(service.Service, [], [], [], [], [], [], null);
    }
}

/// <param name="Retries">How many delayed retries came before.</param>
/// <param name="PublishedAt">By the publisher's relay, just before the confirm.</param>
public sealed record HandledFact(Guid EventId, string Queue, DateTimeOffset? PublishedAt, DateTimeOffset? ReceivedAt, DateTimeOffset HandledAt, int? Attempts, int? Retries = null);

/// <summary>A parked event, or a dead letter, that a person discarded: it is never handled.</summary>
/// <param name="Id">The event's id, or the message's, where it has none.</param>
/// <param name="Queue">Null for a parked event of the outbox.</param>
public sealed record DiscardedFact(string Id, string? Type, string? Queue, DateTimeOffset At, string By, string Reason)
{
    /// <summary>What cannot be any more, and why.</summary>
    public string Line(string service) => (Queue is null
        ? $"{Type ?? "An event"} was discarded from {service}'s outbox by {By}"
        : $"{Type ?? "A message"} was discarded by {By} before {Queue} could handle it") + $": {Reason}";
}

public sealed record DuplicateFact(Guid EventId, string Queue, DateTimeOffset At);

public sealed record WaitingFact(Guid EventId, string Type, string Stream, DateTimeOffset? RecordedAt);

public sealed record PublishedFact(Guid EventId, string Type, string Stream, DateTimeOffset? RecordedAt, DateTimeOffset PublishedAt);
