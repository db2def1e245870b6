using Microsoft.EntityFrameworkCore;
using Shop.Messaging;

namespace Contacts.Contracts.V1
{
    /// <summary>A contact was added, or changed. It carries the whole contact, so that a consumer needs no other event and no question.</summary>
    /// <param name="EventId">Duplicates carry the same id.</param>
    /// <param name="OccurredAt">When it was saved, UTC.</param>
    /// <param name="ContactId">The contact.</param>
    /// <param name="ContactVersion">From 1; a consumer that knows a later one ignores the event.</param>
    /// <param name="Name">Whose contact it is.</param>
    /// <param name="Email">Where to write to.</param>
    [EventName("contacts.contact-changed.v1")]
    public sealed record ContactChanged(
        Guid EventId, DateTimeOffset OccurredAt, Guid ContactId, [AtLeast(1)] int ContactVersion, [NotEmpty] string Name, [NotEmpty] string Email)
        : IIntegrationEvent
    {
        string IIntegrationEvent.AggregateId => ContactId.ToString();
        int IIntegrationEvent.AggregateVersion => ContactVersion;
    }

    /// <summary>A contact was removed.</summary>
    /// <param name="EventId">Duplicates carry the same id.</param>
    /// <param name="OccurredAt">When it was removed, UTC.</param>
    /// <param name="ContactId">The contact.</param>
    /// <param name="ContactVersion">Its last version, plus one.</param>
    [EventName("contacts.contact-removed.v1")]
    public sealed record ContactRemoved(Guid EventId, DateTimeOffset OccurredAt, Guid ContactId, [AtLeast(1)] int ContactVersion) : IIntegrationEvent
    {
        string IIntegrationEvent.AggregateId => ContactId.ToString();
        int IIntegrationEvent.AggregateVersion => ContactVersion;
    }
}

namespace Contacts
{
    /// <summary>A row, and no more than that: no rule depends on it, so there is nothing to model.</summary>
    internal sealed class Contact
    {
        public Guid Id { get; init; }
        public required string Name { get; set; }
        public required string Email { get; set; }
        public int Version { get; set; }
    }

    internal sealed class ContactsDb(DbContextOptions<ContactsDb> options) : DbContext(options)
    {
        public DbSet<Contact> Contacts => Set<Contact>();

        protected override void OnModelCreating(ModelBuilder modelBuilder)
        {
            modelBuilder.Entity<Contact>().Property(contact => contact.Version).IsConcurrencyToken();
            modelBuilder.Entity<Contact>().HasIndex(contact => contact.Email).IsUnique();
            modelBuilder.MapMessaging();
        }
    }
}
