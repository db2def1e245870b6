namespace Shop.Messaging.Operations;

/// <summary>Reports what waits in the outbox, and makes parked events due for a retry.</summary>
public interface IOutboxReport
{
    /// <summary>The waiting events, and the parked streams up to a limit, the longest parked first.</summary>
    Task<OutboxView> ReadAsync(int limit, CancellationToken ct);

    /// <summary>Makes one parked stream, or all, due now; the relay retries them within a second. Returns how many.</summary>
    Task<int> RetryAsync(string? stream, CancellationToken ct);
}
