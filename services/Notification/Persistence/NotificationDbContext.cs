using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Shop.Messaging;
using Shop.ServiceDefaults.Hosting;
using Shop.ServiceDefaults.Http;

namespace Shop.Notification.Persistence;

internal sealed class NotificationDbContext(DbContextOptions<NotificationDbContext> options) : DbContext(options)
{
    public DbSet<Notification> Notifications => Set<Notification>();

    public DbSet<Contact> Contacts => Set<Contact>();

    /// <summary>
    /// Serializes putting a contact and failing for lack of one, until the transaction ends: otherwise a notification could fail for lack
    /// of a contact that is being put concurrently.
    /// </summary>
    public Task LockContactAsync(string customerId, CancellationToken ct) =>
        Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock(hashtextextended({customerId}, 1))", ct);

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Notification>(MapNotification);
        modelBuilder.Entity<Contact>(MapContact);
        modelBuilder.MapMessaging();
        modelBuilder.UseSnakeCaseNames();
    }

    private static void MapNotification(EntityTypeBuilder<Notification> notification)
    {
        notification.ToTable("notifications", table =>
        {
            table.HasCheckConstraint("notifications_status", "status IN ('Pending', 'Delivered', 'Failed')");
            table.HasCheckConstraint("notifications_due_while_pending", "(status = 'Pending') = (next_attempt_at IS NOT NULL)");
            table.HasCheckConstraint("notifications_delivered_when", "status <> 'Delivered' OR delivered_at IS NOT NULL");
            table.HasCheckConstraint("notifications_attempts", "attempts >= 0");
            table.HasCheckConstraint("notifications_earlier_deliveries", "earlier_deliveries >= 0");
            table.HasCheckConstraint("notifications_channel", "channel IN ('email', 'webhook')");
            table.HasCheckConstraint("notifications_audience", "audience IN ('customer', 'staff')");
            table.HasCheckConstraint("notifications_content",
                "subject <> '' AND text <> '' AND (channel = 'webhook') = (payload IS NOT NULL) AND (channel = 'email' OR html IS NULL)");
        });
        notification.Property(n => n.Id).ValueGeneratedNever();
        notification.Property(n => n.Audience).HasMaxLength(16).HasDefaultValue(Audiences.Customer).ValueGeneratedNever(); // nothing to read back: rows share a statement
        notification.Property(n => n.Recipient).HasMaxLength(Auth.MaxSubjectLength);
        notification.Property(n => n.Channel).HasMaxLength(16);
        notification.Property(n => n.Subject).HasMaxLength(200);
        notification.Property(n => n.Status).HasConversion<string>().HasMaxLength(16);
        notification.Property(n => n.LastError).HasMaxLength(64);
        notification.Property(n => n.TraceParent).HasMaxLength(55);
        notification.Property(n => n.EarlierDeliveries).HasDefaultValue(0).ValueGeneratedNever();
        notification.Ignore(n => n.Deliveries);
        notification.HasIndex(n => new { n.EventId, n.Recipient, n.Channel }).IsUnique();
        notification.HasIndex(n => new { n.Recipient, n.Id });
        notification.HasIndex(n => new { n.Status, n.Id });
        notification.HasIndex(n => new { n.OrderId, n.Id });
        notification.HasIndex(n => new { n.Channel, n.NextAttemptAt }).HasFilter("status = 'Pending'");
    }

    private static void MapContact(EntityTypeBuilder<Contact> contact)
    {
        contact.ToTable("contacts", table =>
        {
            table.HasCheckConstraint("contacts_webhook_secret", "(webhook_url IS NULL) = (webhook_secret IS NULL)");
            table.HasCheckConstraint("contacts_webhook_url",
                @"webhook_url ~ '^https://[^/?#@[:space:]]+/[^#[:space:]]*$' OR "
                + @"webhook_url ~ '^http://(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]{1,5})?/[^#[:space:]]*$'");
            table.HasCheckConstraint("contacts_filled", "name <> '' AND email LIKE '_%@_%'");
        });
        contact.HasKey(c => c.CustomerId);
        contact.Property(c => c.CustomerId).HasMaxLength(Auth.MaxSubjectLength);
        contact.Property(c => c.Name).HasMaxLength(Contact.MaxNameLength);
        contact.Property(c => c.Email).HasMaxLength(Contact.MaxEmailLength);
        contact.Property(c => c.WebhookUrl).HasMaxLength(Contact.MaxWebhookUrlLength);
        contact.Property(c => c.WebhookSecret).HasMaxLength(100);
    }
}
