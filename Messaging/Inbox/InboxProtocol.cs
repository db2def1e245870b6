namespace Shop.Messaging.Inbox;

/// <summary>
/// The database as the inbox sees it, for one attempt at one or several deliveries: the service's own, or the model that the
/// simulation runs the inbox over.
/// </summary>
internal interface IInboxUnitOfWork : IAsyncDisposable
{
    /// <summary>
    /// Begins the transaction that the consumer's effects are part of, and adds an inbox row for each event. Returns the events that
    /// are not known as processed by now.
    /// </summary>
    Task<HashSet<Guid>> BeginAsync(IReadOnlyList<Guid> eventIds, string consumer, CancellationToken ct);

    /// <summary>Saves what the consumer has left unsaved, and commits.</summary>
    Task CommitAsync(CancellationToken ct);

    Task RollbackAsync();

    /// <summary>Whether an event that was not known as processed at the beginning is so now. After a rollback: what counts is what was committed.</summary>
    Task<bool> IsProcessedAsync(Guid eventId, string consumer, CancellationToken ct);

    /// <summary>Whether the inbox row was there already, which only a violation of the inbox's own key says.</summary>
    bool IsDuplicate(Exception failure);

    /// <summary>Whether the database could not be reached, so that nobody can say what was committed.</summary>
    bool IsUnavailable(Exception failure);
}

/// <summary>Has each event processed once.</summary>
internal static class InboxProtocol
{
    /// <summary>
    /// Runs the consumer in one transaction with the inbox rows, and gives it the events that are no duplicates. Returns how many it
    /// processed, after the commit: all of the deliveries may be acknowledged. Throws where they must be tried again.
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
            // A duplicate may fail before it comes to its inbox row, because its effects stand already: that is no failure.
            await work.RollbackAsync();
            if (await work.IsProcessedAsync(eventIds[0], consumer, ct))
            {
                return 0;
            }

            throw;
        }
    }
}
