namespace Shop.Messaging.Operations;

/// <summary>
/// Lists, retries and discards the dead letters of the service's queues. One per scope. All methods throw the RabbitMQ
/// client's exceptions where the broker is unreachable, and wait at most <c>Messaging:ConfirmTimeout</c> per step.
/// </summary>
public interface IDeadLetterQueues
{
    /// <summary>The service's queues, sorted.</summary>
    IEnumerable<string> Queues { get; }

    /// <summary>Whether the service has this queue.</summary>
    bool Has(string queue);

    /// <summary>The first dead letters of a queue, up to a limit, without removing them.</summary>
    Task<List<DeadLetter>> ListAsync(string queue, int limit, CancellationToken ct);

    /// <summary>The dead letters of all queues by cause, the largest group first: at most <paramref name="limit"/> messages of each queue are read.</summary>
    Task<DeadLetterGroups> GroupAsync(int limit, CancellationToken ct);

    /// <summary>The first discarded messages of all queues, up to a limit.</summary>
    Task<List<DeadLetter>> ListDiscardedAsync(int limit, CancellationToken ct);

    /// <summary>A dead letter of a queue, or a message discarded from it; null when there is none with this id.</summary>
    Task<DeadLetterContent?> FindAsync(string queue, string id, CancellationToken ct);

    /// <summary>Retries one, or all that are there now: each is sent to its own queue only.</summary>
    Task<Moved> RetryAsync(string queue, string? id, CancellationToken ct);

    /// <summary>Moves one to the discarded messages, with the reason. The audit trail has it.</summary>
    Task<Moved> DiscardAsync(string queue, string id, string reason, string by, CancellationToken ct);
}

/// <summary>Dead letters of one cause.</summary>
/// <param name="Group">Names the group, while its members' consumer, event, exception and frame are the same.</param>
/// <param name="Queue">The queue whose consumer they were for.</param>
/// <param name="EventType">The event's wire name, where it is known.</param>
/// <param name="Exception">The exception's type; null where no consumer failed.</param>
/// <param name="Frame">The first frame of its stack outside of the framework.</param>
/// <param name="Why">The error of one of them.</param>
/// <param name="Count">How many were read.</param>
/// <param name="Oldest">The first death of the oldest.</param>
/// <param name="Newest">The first death of the newest.</param>
/// <param name="Sample">The id of one of them.</param>
public sealed record DeadLetterGroup(
    string Group, string Queue, string? EventType, string? Exception, string? Frame, string Why, int Count, DateTimeOffset? Oldest,
    DateTimeOffset? Newest, string Sample);

/// <summary>All groups.</summary>
/// <param name="Groups">The largest first.</param>
/// <param name="Truncated">Whether a queue has more dead letters than were read.</param>
public sealed record DeadLetterGroups(IReadOnlyList<DeadLetterGroup> Groups, bool Truncated);
