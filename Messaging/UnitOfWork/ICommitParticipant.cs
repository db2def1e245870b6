using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Shop.Messaging.DomainEvents;

namespace Shop.Messaging.UnitOfWork;

/// <summary>Takes part in a unit of work: adds rows to the save, and acts after the commit. One per scope.</summary>
internal interface ICommitParticipant
{
    /// <summary>Called after domain events were handled: adds to the context what is to be stored with the change.</summary>
    void Add(DbContext db, IReadOnlyList<DomainEvent> events);

    /// <summary>Called before a save; there may be several in a transaction.</summary>
    void Saving();

    /// <summary>Called after the commit. The span is the commit's; null where none is recorded.</summary>
    void Committed(Activity? span);

    /// <summary>Called after a rollback: discards what was added since the last commit.</summary>
    void RolledBack();
}
