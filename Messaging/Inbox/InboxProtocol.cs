namespace Shop.Messaging.Inbox;

/// <summary>
/// The database as the inbox sees it, for one attempt at one or several deliveries: the service's own, or the model that the
/// simulation runs the inbox over.
/// </summary>
internal interface IInboxUnitOfWork : IAsyncDisposable
{
    /// <summary>
    /// Begins the transaction of the consumer's effects, and adds an inbox row for each event. Returns the events that
    /// are not processed yet.
    /// </summary>
    Task<HashSet<Guid>> BeginAsync(IReadOnlyList<Guid> eventIds, string consumer, CancellationToken ct);

    /// <summary>Saves the consumer's unsaved changes, and commits.</summary>
    Task CommitAsync(CancellationToken ct);

    Task RollbackAsync();

    /// <summary>Whether an event that was unprocessed at the beginning is processed now. Call it after the rollback: only committed rows count.</summary>
    Task<bool> IsProcessedAsync(Guid eventId, string consumer, CancellationToken ct);

    /// <summary>Whether the inbox row existed already: a violation of the inbox's own key.</summary>
    bool IsDuplicate(Exception failure);

    /// <summary>Whether the database was unavailable, so that it is unknown whether the commit succeeded.</summary>
    bool IsUnavailable(Exception failure);
}

/// <summary>Processes each event once.</summary>
internal static class InboxProtocol
{
    /// <summary>
    /// Runs the consumer in one transaction with the inbox rows, with the events that are not duplicates. Returns how many it
    /// processed, after the commit: all deliveries may be acknowledged then. Throws where they must be retried.
    /// </summary>
    public static async Task<int> ProcessOnceAsync(
        IInboxUnitOfWork work, IReadOnlyList<Guid> eventIds, string consumer, Func<HashSet<Guid>, Task> consume, CancellationToken ct)
    {
        var unprocessed = await work.BeginAsync(eventIds, consumer, ct);
        var count = unprocessed.Count;
        if (count == 0)
        {
            return 0;
        }

        try
        {
            await consume(unprocessed);
            await work.CommitAsync(ct);
            return count;
        }
        catch (Exception e) when (eventIds.Count == 1 && work.IsDuplicate(e))
        {
            return 0;
        }
        catch (Exception e) when (eventIds.Count == 1 && !work.IsUnavailable(e))
        {
            // A duplicate may fail before its inbox row is inserted, because its effects are stored already: that is not a failure.
            await work.RollbackAsync();
            if (await work.IsProcessedAsync(eventIds[0], consumer, ct))
            {
                return 0;
            }

            throw;
        }
    }
}
