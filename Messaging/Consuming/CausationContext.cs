using Microsoft.EntityFrameworkCore;
using Shop.Messaging.Outbox;
using Shop.Messaging.UnitOfWork;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Consuming;

/// <summary>Sets the correlation and causation ids of what each event of a transaction causes.</summary>
internal sealed class CausationContext(DbContext db, CommitProtocol unitOfWork, MessageOrigin origin, DeliverySpans spans)
{
    /// <summary>Runs the handler of a transaction's only event: all that is saved is caused by it.</summary>
    public Task RunSingleAsync(Delivery cause, Func<Task> effects)
    {
        (origin.CorrelationId, origin.CausationId) = (cause.CorrelationId, cause.EventId);
        return effects();
    }

    /// <summary>Runs the handler of one event of several. Domain events that it raises are handled, and published, before this returns.</summary>
    public async Task RunAsync(Delivery cause, Func<Task> effects, CancellationToken ct)
    {
        using var span = spans.Begin(cause);
        (origin.CorrelationId, origin.CausationId) = (cause.CorrelationId, cause.EventId);

        // DetectChanges would scan all changes of the batch for each event. The save does it once.
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

    /// <summary>Rejects events published by work on all events together: their cause would be unknown.</summary>
    public async Task ThrowIfPublishedAsync(string by, CancellationToken ct)
    {
        await unitOfWork.CollectAsync(db, ct);
        db.ChangeTracker.AutoDetectChangesEnabled = false; // added entities are tracked without DetectChanges
        var published = db.ChangeTracker.Entries<OutboxMessage>().FirstOrDefault()?.Entity;
        db.ChangeTracker.AutoDetectChangesEnabled = true;
        if (published is not null)
        {
            throw new InvalidOperationException($"{by} handles many events together and publishes {published.Type}: it is unknown which of the "
                + "events caused it. Publish it from IBatchConsumer.ConsumeAsync, which is called for each event.");
        }
    }
}
