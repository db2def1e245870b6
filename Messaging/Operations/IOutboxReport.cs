namespace Shop.Messaging.Operations;

/// <summary>Reports which events are ready to publish, published and parked, and makes parked events due for a retry.</summary>
public interface IOutboxReport
{
    /// <summary>
    /// The events that wait; the parked streams, the longest parked first, and the last published events, both up to a limit.
    /// </summary>
    Task<OutboxView> ReadAsync(int limit, CancellationToken ct);

    /// <summary>Makes one parked stream, or all, due now; the relay retries them within a second. Returns how many. The audit trail has it.</summary>
    Task<int> RetryAsync(string? stream, string by, CancellationToken ct);

    /// <summary>The parked events, the longest parked stream first and in order within it, up to a limit; of one stream, or of all.</summary>
    Task<IReadOnlyList<ParkedEvent>> ListParkedAsync(string? stream, int limit, CancellationToken ct);

    /// <summary>The same of one group.</summary>
    Task<IReadOnlyList<ParkedEvent>> ListParkedOfGroupAsync(string group, int limit, CancellationToken ct);

    /// <summary>The parked streams by their first event's type and error, the largest group first, up to a limit.</summary>
    Task<IReadOnlyList<ParkedGroup>> GroupParkedAsync(int limit, CancellationToken ct);

    /// <summary>
    /// Discards the parked event that its stream waits for: no consumer receives it, and the events behind it are published without it. The
    /// audit trail has it.
    /// </summary>
    /// <param name="seq">The event's position, as listed.</param>
    /// <param name="behind">How many events are parked behind it, as a person has seen it: otherwise it is refused.</param>
    /// <param name="reason">Why.</param>
    /// <param name="by">Who: the token's subject.</param>
    /// <param name="ct">Cancels.</param>
    Task<ParkedDiscard> DiscardParkedAsync(long seq, long behind, string reason, string by, CancellationToken ct);
}

/// <summary>A parked event, with personal data masked.</summary>
/// <param name="Seq">Its position in the outbox.</param>
/// <param name="EventId">Its id, which its other versions have too.</param>
/// <param name="Stream">The aggregate's id.</param>
/// <param name="Type">The wire name.</param>
/// <param name="IsHead">Whether it is the first of its stream: the one that could not be published.</param>
/// <param name="Behind">How many events of its stream are parked behind it.</param>
/// <param name="Since">Since when it is parked.</param>
/// <param name="Attempts">How many attempts failed since then.</param>
/// <param name="NextAttempt">When it is retried next.</param>
/// <param name="Error">Why the last attempt failed; empty behind the head.</param>
/// <param name="Headers">The transport headers, each truncated.</param>
/// <param name="Body">The envelope: indented JSON, truncated.</param>
public sealed record ParkedEvent(
    long Seq, Guid EventId, string Stream, string Type, bool IsHead, long Behind, DateTimeOffset Since, int Attempts, DateTimeOffset NextAttempt,
    string Error, IReadOnlyDictionary<string, string> Headers, string Body);

/// <summary>Parked streams of one cause.</summary>
/// <param name="Group">Names the group, while its first events' type and error are the same.</param>
/// <param name="Type">The wire name of the first events.</param>
/// <param name="Error">Why their last attempt failed.</param>
/// <param name="Streams">How many streams.</param>
/// <param name="Behind">How many events wait behind the first ones.</param>
/// <param name="Since">Since when the longest parked has been.</param>
/// <param name="Attempts">How many attempts failed, of the one that was tried most.</param>
public sealed record ParkedGroup(string Group, string Type, string Error, long Streams, long Behind, DateTimeOffset Since, int Attempts);

/// <summary>Whether a parked event was discarded.</summary>
/// <param name="Discarded">Whether it was.</param>
/// <param name="Refusal">Why it was refused; null where it was discarded, or is not parked.</param>
public sealed record ParkedDiscard(bool Discarded, string? Refusal);
