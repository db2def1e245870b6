using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Shop.Messaging.DomainEvents;
using Shop.Messaging.Telemetry;
using Shop.Messaging.UnitOfWork;

namespace Shop.Messaging.Outbox;

/// <summary>Appends what domain events publish, and wakes the relay once that is committed.</summary>
internal sealed class OutboxParticipant(OutboxAppender outbox, PublishedEventsMap publishedEvents, OutboxDoorbell doorbell) : ICommitParticipant
{
    private int _appended;

    public void Add(DbContext db, IReadOnlyList<DomainEvent> events)
    {
        foreach (var integrationEvent in publishedEvents(events))
        {
            outbox.Append(db, integrationEvent);
        }
    }

    public void Saving() => _appended += outbox.TakeUnsaved();

    public void Committed(Activity? span)
    {
        span?.SetTag("shop.outbox.appended", _appended);
        if (_appended > 0)
        {
            MessagingTelemetry.Appended.Add(_appended);
            _appended = 0;
            doorbell.Ring();
        }
    }

    public void RolledBack() => _appended = 0;
}
