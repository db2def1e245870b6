namespace Shop.Messaging.Operations;

/// <summary>Shows what waits in the outbox, and has parked events tried at once.</summary>
public interface IOutboxReport
{
    /// <summary>What waits, with at most so many parked streams, the longest parked first.</summary>
    Task<OutboxView> ReadAsync(int limit, CancellationToken ct);

    /// <summary>Makes one stream, or all, due now; the relay looks within a second. How many there are.</summary>
    Task<int> RetryAsync(string? stream, CancellationToken ct);
}
