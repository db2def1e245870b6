using Microsoft.EntityFrameworkCore;
using Shop.Messaging.Outbox;
using Shop.Messaging.UnitOfWork;
using Shop.Messaging.Wire;

namespace Shop.Messaging.Consuming.Batches;

/// <summary>Tells the effects of a batch's events apart, for the events that they cause in turn.</summary>
internal sealed class BatchCauses
{
    private readonly DbContext _db;
    private readonly CommitProtocol _unitOfWork;
    private readonly MessageOrigin _origin;
    private readonly BatchSpan _span;

    public BatchCauses(DbContext db, CommitProtocol unitOfWork, MessageOrigin origin, BatchSpan span)
    {
        (_db, _unitOfWork, _origin, _span) = (db, unitOfWork, origin, span);
        origin.HasManyCauses = true;
    }

    public async Task RunAsync(Delivery cause, Func<Task> effects, CancellationToken ct)
    {
        using var span = _span.Begin(cause);
        (_origin.CorrelationId, _origin.CausationId, _origin.HasManyCauses) = (cause.CorrelationId, cause.EventId, false);

        // Each of many events would look through all that the others have changed. The save does that, once.
        var detects = _db.ChangeTracker.AutoDetectChangesEnabled;
        _db.ChangeTracker.AutoDetectChangesEnabled = false;
        try
        {
            await effects();
            await _unitOfWork.CollectAsync(_db, ct);
        }
        finally
        {
            _db.ChangeTracker.AutoDetectChangesEnabled = detects;
            (_origin.CorrelationId, _origin.CausationId, _origin.HasManyCauses) = (null, null, true);
        }
    }
}
