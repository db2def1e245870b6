using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Shop.Messaging.DomainEvents;
using Shop.Messaging.Telemetry;
using Shop.Messaging.UnitOfWork;

namespace Shop.Messaging.Outbox;

/// <summary>Appends the integration events of a unit of work, and wakes the relay after the commit.</summary>
internal sealed class OutboxParticipant(OutboxAppender outbox, PublishedEventsMap publishedEvents, OutboxSignal signal) : ICommitParticipant
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
            signal.Set();
        }
    }

    public void RolledBack() => _appended = 0;
}
