using Microsoft.EntityFrameworkCore;
using Shop.Messaging.Outbox;
using Shop.Messaging.UnitOfWork;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Consuming;

/// <summary>Keeps the effects of the events apart that one transaction consumes, so that what they publish names its cause.</summary>
internal sealed class Causes(DbContext db, CommitProtocol unitOfWork, MessageOrigin origin, DeliverySpans spans)
{
    /// <summary>Runs the effects of the only event of the transaction: all that is saved with it is its effect.</summary>
    public Task RunAloneAsync(Delivery cause, Func<Task> effects)
    {
        (origin.CorrelationId, origin.CausationId) = (cause.CorrelationId, cause.EventId);
        return effects();
    }

    /// <summary>Runs the effects of one event of several. What aggregates record meanwhile is handled, and published, before this returns.</summary>
    public async Task RunAsync(Delivery cause, Func<Task> effects, CancellationToken ct)
    {
        using var span = spans.Begin(cause);
        (origin.CorrelationId, origin.CausationId) = (cause.CorrelationId, cause.EventId);

        // Each of many events would look through all that the others have changed. The save does that, once.
        var detects = db.ChangeTracker.AutoDetectChangesEnabled;
        db.ChangeTracker.AutoDetectChangesEnabled = false;
        try
        {
            await effects();
            await unitOfWork.CollectAsync(db, ct);
        }
        finally
        {
            db.ChangeTracker.AutoDetectChangesEnabled = detects;
            (origin.CorrelationId, origin.CausationId) = (null, null);
        }
    }

    /// <summary>After work on all events at once: what it published has no cause that could be named.</summary>
    public async Task RefusePublishedAsync(string by, CancellationToken ct)
    {
        await unitOfWork.CollectAsync(db, ct);
        db.ChangeTracker.AutoDetectChangesEnabled = false; // what was added is known without looking through all that was read
        var published = db.ChangeTracker.Entries<OutboxMessage>().FirstOrDefault()?.Entity;
        db.ChangeTracker.AutoDetectChangesEnabled = true;
        if (published is not null)
        {
            throw new InvalidOperationException($"{by} works on many events at once and publishes {published.Type}: nothing says which of the "
                + "events is its cause. Publish it from IBatchConsumer.ConsumeAsync, which is called for each event.");
        }
    }
}
