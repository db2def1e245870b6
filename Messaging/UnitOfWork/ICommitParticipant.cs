using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Shop.Messaging.DomainEvents;

namespace Shop.Messaging.UnitOfWork;

/// <summary>Whoever has something of its own to store in a unit of work, and to do after its commit. One per scope.</summary>
internal interface ICommitParticipant
{
    /// <summary>Domain events were handled: now it adds to the context what shall be stored with the change.</summary>
    void Add(DbContext db, IReadOnlyList<DomainEvent> events);

    /// <summary>The context is about to be saved; it may happen several times in a transaction.</summary>
    void Saving();

    /// <summary>All is committed. The span is the commit's; null where none is recorded.</summary>
    void Committed(Activity? span);

    /// <summary>Nothing since the last commit happened.</summary>
    void RolledBack();
}
