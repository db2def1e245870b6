namespace Shop.Messaging.Inbox;

/// <summary>
/// The database as the inbox sees it, for one attempt at one delivery: the service's own, or the model that the simulation runs
/// the inbox over.
/// </summary>
internal interface IInboxUnitOfWork : IAsyncDisposable
{
    /// <summary>
    /// Begins the transaction that the consumer's effects are part of, and adds the inbox row to them. False where it is known by
    /// now that the row is there already.
    /// </summary>
    Task<bool> BeginAsync(Guid eventId, string consumer, CancellationToken ct);

    /// <summary>Saves what the consumer has left unsaved, and commits.</summary>
    Task CommitAsync(CancellationToken ct);

    Task RollbackAsync();

    /// <summary>Whether the inbox row is there. After a rollback: what counts is what was committed.</summary>
    Task<bool> HasAsync(Guid eventId, string consumer, CancellationToken ct);

    /// <summary>Whether the inbox row was there already, which only a violation of the inbox's own key says.</summary>
    bool IsRepeat(Exception failure);

    /// <summary>Whether the database could not be reached, so that nobody can say what was committed.</summary>
    bool IsAway(Exception failure);
}

/// <summary>Decides whether a delivery is the first of its event for a consumer.</summary>
internal static class InboxProtocol
{
    /// <summary>
    /// Runs the consumer in one transaction with the inbox row. Returns true after the commit, and false where the event was taken
    /// before: in both cases the delivery may be acknowledged. Throws where it must come again.
    /// </summary>
    public static async Task<bool> IsFirstAsync(
        IInboxUnitOfWork work, Guid eventId, string consumer, Func<Task> consume, CancellationToken ct)
    {
        if (!await work.BeginAsync(eventId, consumer, ct))
        {
            return false;
        }

        try
        {
            await consume();
            await work.CommitAsync(ct);
            return true;
        }
        catch (Exception e) when (work.IsRepeat(e))
        {
            return false;
        }
        catch (Exception e) when (!work.IsAway(e))
        {
            // A repeat may fail before it comes to its inbox row, because its effects stand already: that is no failure.
            await work.RollbackAsync();
            if (await work.HasAsync(eventId, consumer, ct))
            {
                return false;
            }

            throw;
        }
    }
}
