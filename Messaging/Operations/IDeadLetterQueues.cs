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

    /// <summary>The first discarded messages of all queues, up to a limit.</summary>
    Task<List<DeadLetter>> ListDiscardedAsync(int limit, CancellationToken ct);

    /// <summary>A dead letter of a queue, or a message discarded from it; null when there is none with this id.</summary>
    Task<DeadLetterContent?> FindAsync(string queue, string id, CancellationToken ct);

    /// <summary>Retries one, or all that are there now: each is sent to its own queue only.</summary>
    Task<Moved> RetryAsync(string queue, string? id, CancellationToken ct);

    /// <summary>Moves one to the discarded messages, with the reason.</summary>
    Task<Moved> DiscardAsync(string queue, string id, string reason, string by, CancellationToken ct);
}
