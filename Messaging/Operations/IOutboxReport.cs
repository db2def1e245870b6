namespace Shop.Messaging.Operations;

/// <summary>Reports which events are ready to publish, published and parked, and makes parked events due for a retry.</summary>
public interface IOutboxReport
{
    /// <summary>
    /// The events that wait; the parked streams, the longest parked first, and the last published events, both up to a limit.
    /// </summary>
    Task<OutboxView> ReadAsync(int limit, CancellationToken ct);

    /// <summary>Makes one parked stream, or all, due now; the relay retries them within a second. Returns how many.</summary>
    Task<int> RetryAsync(string? stream, CancellationToken ct);
}
