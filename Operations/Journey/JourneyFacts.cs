namespace Shop.Operations.Journey;

/// <summary>What a service's messaging knows of some events.</summary>
/// <param name="Handled">By its inbox: once per event and queue.</param>
/// <param name="DeadLetters">Null where the broker is unreachable.</param>
/// <param name="Published">By the answering instance: its last thousand.</param>
/// <param name="LogBytes">With log tailing: how much of the log is not confirmed, where an event that waits cannot be looked up.</param>
public sealed record JourneyFacts(
    string Service, IReadOnlyList<HandledFact> Handled, IReadOnlyList<DuplicateFact> Duplicates, IReadOnlyList<WaitingFact> Waiting,
    IReadOnlyList<ParkedEvent> Parked, IReadOnlyList<PublishedFact> Published, IReadOnlyList<DeadLetterView>? DeadLetters, long? Retrying,
    long? LogBytes = null)
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

/// <param name="PublishedAt">By the publisher's relay, just before the confirm.</param>
public sealed record HandledFact(Guid EventId, string Queue, DateTimeOffset? PublishedAt, DateTimeOffset? ReceivedAt, DateTimeOffset HandledAt, int? Attempts);

public sealed record DuplicateFact(Guid EventId, string Queue, DateTimeOffset At);

public sealed record WaitingFact(Guid EventId, string Type, string Stream, DateTimeOffset? RecordedAt);

public sealed record PublishedFact(Guid EventId, string Type, string Stream, DateTimeOffset? RecordedAt, DateTimeOffset PublishedAt);
