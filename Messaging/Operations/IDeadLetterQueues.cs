namespace Shop.Messaging.Operations;

/// <summary>
/// The dead letters of the service's own queues: to look at, to send again, to discard. One per scope. All of it throws what the broker's
/// client throws where the broker does not answer, and stops waiting after <c>Messaging:ConfirmTimeout</c> per step.
/// </summary>
public interface IDeadLetterQueues
{
    /// <summary>The service's queues, sorted.</summary>
    IEnumerable<string> Queues { get; }

    /// <summary>Whether a queue is one of them.</summary>
    bool Has(string queue);

    /// <summary>The first so many of a queue; they stay.</summary>
    Task<List<DeadLetter>> ListAsync(string queue, int limit, CancellationToken ct);

    /// <summary>The first so many that were discarded, of all queues.</summary>
    Task<List<DeadLetter>> ListDiscardedAsync(int limit, CancellationToken ct);

    /// <summary>One of a queue, or of those that were discarded from it; null when there is none of this id.</summary>
    Task<DeadLetterContent?> FindAsync(string queue, string id, CancellationToken ct);

    /// <summary>Sends one again, or all that are there now, to their own queue and no other.</summary>
    Task<Moved> RetryAsync(string queue, string? id, CancellationToken ct);

    /// <summary>Puts one to the discarded, with the reason.</summary>
    Task<Moved> DiscardAsync(string queue, string id, string reason, string by, CancellationToken ct);
}
