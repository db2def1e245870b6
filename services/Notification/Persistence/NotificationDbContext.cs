using Microsoft.EntityFrameworkCore;
using Shop.ServiceDefaults.Hosting;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Notification.Persistence;

internal sealed class NotificationDbContext(DbContextOptions<NotificationDbContext> options) : DbContext(options)
{
    public DbSet<Notification> Notifications => Set<Notification>();

    public DbSet<Contact> Contacts => Set<Contact>();

    /// <summary>
    /// Makes putting a contact and finding none take turns, until the transaction ends: else a notification could fail for want
    /// of the very contact that is being put.
    /// </summary>
    public Task LockContactAsync(string customerId, CancellationToken ct) =>
        Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock(hashtextextended({customerId}, 1))", ct);

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Notification>(notification =>
        {
            notification.ToTable("notifications", table =>
            {
                table.HasCheckConstraint("notifications_status", "status IN ('Pending', 'Delivered', 'Failed')");
                table.HasCheckConstraint("notifications_due_while_pending", "(status = 'Pending') = (next_attempt_at IS NOT NULL)");
                table.HasCheckConstraint("notifications_delivered_at", "(status = 'Delivered') = (delivered_at IS NOT NULL)");
                table.HasCheckConstraint("notifications_attempts", "attempts >= 0");
            });
            notification.Property(n => n.Id).ValueGeneratedNever();
            notification.Property(n => n.Recipient).HasMaxLength(200);
            notification.Property(n => n.Channel).HasMaxLength(16);
            notification.Property(n => n.Subject).HasMaxLength(200);
            notification.Property(n => n.Status).HasConversion<string>().HasMaxLength(16);
            notification.Property(n => n.LastError).HasMaxLength(64);
            notification.HasIndex(n => new { n.EventId, n.Recipient, n.Channel }).IsUnique();
            notification.HasIndex(n => new { n.Recipient, n.Id });
            notification.HasIndex(n => new { n.Status, n.Id });
            notification.HasIndex(n => new { n.OrderId, n.Id });
            notification.HasIndex(n => n.NextAttemptAt).HasFilter("status = 'Pending'");
        });
        modelBuilder.Entity<Contact>(contact =>
        {
            contact.ToTable("contacts");
            contact.HasKey(c => c.CustomerId);
            contact.Property(c => c.CustomerId).HasMaxLength(200);
            contact.Property(c => c.Name).HasMaxLength(Contact.MaxNameLength);
            contact.Property(c => c.Email).HasMaxLength(Contact.MaxEmailLength);
        });
        modelBuilder.MapMessaging();
        modelBuilder.UseSnakeCaseNames();
    }
}
