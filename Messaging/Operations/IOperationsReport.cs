using Shop.Messaging.Consuming;

namespace Shop.Messaging.Operations;

/// <summary>What a service says of itself.</summary>
/// <param name="Service">Its name.</param>
/// <param name="Instance">Which instance answers: the host's name and the process id.</param>
/// <param name="StartedAt">When this instance started.</param>
/// <param name="ReadAt">When this was read: at most a second ago.</param>
/// <param name="Outbox">Null where the database is unreachable.</param>
/// <param name="Relay">What this instance publishes; null if it runs no relay.</param>
/// <param name="Queues">The queues of its consumers, sorted by name.</param>
/// <param name="Retrying">Messages that wait for a delayed retry; null where the broker is unreachable.</param>
/// <param name="Discarded">Dead letters that a person discarded; null where the broker is unreachable.</param>
/// <param name="Duplicates">Duplicates that this instance absorbed since its start.</param>
/// <param name="LastError">The last failure of this instance.</param>
/// <param name="DatabaseError">Why the outbox could not be read.</param>
/// <param name="BrokerError">Why the queues could not be read.</param>
public sealed record OperationsView(
    string Service, string Instance, DateTimeOffset StartedAt, DateTimeOffset ReadAt, OutboxState? Outbox, RelayState? Relay,
    IReadOnlyList<QueueState> Queues, long? Retrying, long? Discarded, long Duplicates, LastFailure? LastError,
    string? DatabaseError, string? BrokerError);

/// <summary>What waits in the outbox.</summary>
/// <param name="Waiting">Events that are ready to publish, counted to 10,000.</param>
/// <param name="Oldest">When the first of them was recorded.</param>
/// <param name="Parked">Events that could not be published, and those that wait behind them.</param>
/// <param name="ParkedSince">Since when the longest parked one is parked.</param>
/// <param name="LogBytes">With log tailing: unconfirmed bytes of log; null without.</param>
public sealed record OutboxState(long Waiting, DateTimeOffset? Oldest, long Parked, DateTimeOffset? ParkedSince, long? LogBytes);

/// <summary>What this instance's relay does.</summary>
/// <param name="Kind">polling or logTailing.</param>
/// <param name="Published">Events published since the start.</param>
/// <param name="PerSecond">Over the last ten seconds.</param>
/// <param name="LastPublishedAt">When the last one was confirmed.</param>
public sealed record RelayState(string Kind, long Published, double PerSecond, DateTimeOffset? LastPublishedAt);

/// <summary>A consumer's queue: at the broker, and what this instance did with its messages.</summary>
/// <param name="Queue">Its name.</param>
/// <param name="Ready">Messages that wait for a consumer; null where the broker is unreachable or has no such queue.</param>
/// <param name="Consumers">Consumers of all instances.</param>
/// <param name="DeadLetters">Messages in its dead letters.</param>
/// <param name="Processing">Delivered to this instance and not settled yet.</param>
/// <param name="Consumed">Events whose effects this instance committed.</param>
/// <param name="Duplicates">Duplicates that this instance absorbed.</param>
/// <param name="RetriedLater">Failed deliveries that this instance forwarded for a delayed retry.</param>
/// <param name="DeadLettered">Deliveries that this instance dead-lettered.</param>
/// <param name="LastSettledAt">When this instance settled the last one.</param>
/// <param name="SettledUpTo">When the newest settled event was published.</param>
/// <param name="Stalled">Why the queue counts as stalled; null while it does not.</param>
public sealed record QueueState(
    string Queue, long? Ready, long? Consumers, long? DeadLetters, long Processing, long Consumed, long Duplicates, long RetriedLater,
    long DeadLettered, DateTimeOffset? LastSettledAt, DateTimeOffset? SettledUpTo, string? Stalled);

/// <summary>Reports how a service's events flow.</summary>
public interface IOperationsReport
{
    /// <summary>The overview, at most a second old. Never throws where the database or the broker is unreachable: the view says so.</summary>
    Task<OperationsView> ReadAsync(CancellationToken ct);
}
