using Microsoft.EntityFrameworkCore;
using Shop.Analytics.Features.EventLog;
using Shop.Analytics.Features.Funnel;
using Shop.Analytics.Features.SalesPerDay;
using Shop.ServiceDefaults.Hosting;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Analytics.Persistence;

internal sealed class AnalyticsDbContext(DbContextOptions<AnalyticsDbContext> options) : DbContext(options)
{
    public DbSet<LoggedEvent> EventLog => Set<LoggedEvent>();

    public DbSet<SalesDay> SalesPerDay => Set<SalesDay>();

    public DbSet<OrderJourney> OrderJourneys => Set<OrderJourney>();

    /// <summary>
    /// Lengths and precision are the contracts' business: what was published has happened, and its log must not refuse it.
    /// </summary>
    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<LoggedEvent>(log =>
        {
            log.ToTable("event_log", table => table.ExcludeFromMigrations());
            log.HasKey(e => new { e.EventId, e.OccurredAt });
            log.Property(e => e.Body).HasColumnType("jsonb");
        });
        modelBuilder.Entity<SalesDay>(sales =>
        {
            sales.ToTable("sales_per_day");
            sales.HasKey(s => new { s.Day, s.Currency });
        });
        modelBuilder.Entity<OrderJourney>(journey =>
        {
            journey.ToTable("order_journeys");
            journey.HasKey(j => j.OrderId);
            journey.Property(j => j.OrderId).ValueGeneratedNever();
        });
        modelBuilder.MapMessaging();
        modelBuilder.UseSnakeCaseNames();
    }
}
