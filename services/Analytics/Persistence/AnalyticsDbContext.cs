using Microsoft.EntityFrameworkCore;
using Shop.Analytics.Features.BestSellers;
using Shop.Analytics.Features.EventLog;
using Shop.Analytics.Features.Funnel;
using Shop.Analytics.Features.Projections;
using Shop.Analytics.Features.Rejections;
using Shop.Analytics.Features.SalesPerDay;
using Shop.Analytics.Features.StockOuts;
using Shop.Messaging;
using Shop.ServiceDefaults.Hosting;

namespace Shop.Analytics.Persistence;

internal sealed class AnalyticsDbContext(DbContextOptions<AnalyticsDbContext> options) : DbContext(options)
{
    public DbSet<LoggedEvent> EventLog => Set<LoggedEvent>();

    public DbSet<SalesDay> SalesPerDay => Set<SalesDay>();

    public DbSet<RejectionDay> Rejections => Set<RejectionDay>();

    public DbSet<StockOutDay> StockOuts => Set<StockOutDay>();

    public DbSet<ProjectionRebuild> Rebuilds => Set<ProjectionRebuild>();

    /// <summary>
    /// Lengths and precision are defined by the contracts: the log must accept whatever was published. Constraints
    /// reject only what no valid event contains.
    /// </summary>
    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<LoggedEvent>(log =>
        {
            log.ToTable("event_log", table => table.ExcludeFromMigrations());
            log.HasKey(e => new { e.EventId, e.OccurredAt });
            log.Property(e => e.Body).HasColumnType("jsonb");
        });
        MapProjections(modelBuilder);
        modelBuilder.Entity<ProjectionRebuild>(rebuild =>
        {
            rebuild.ToTable("projection_rebuilds", table =>
            {
                table.HasCheckConstraint("ck_projection_rebuilds_state", "state IN ('running', 'done', 'failed')");
                table.HasCheckConstraint("ck_projection_rebuilds_finished", "(finished_at IS NULL) = (state = 'running')");
                table.HasCheckConstraint("ck_projection_rebuilds_error", "(error IS NULL) = (state <> 'failed')");
                table.HasCheckConstraint("ck_projection_rebuilds_events", "events_done >= 0 AND events_done <= events_total");
                table.HasCheckConstraint("ck_projection_rebuilds_epoch", "epoch >= 1");
            });
            rebuild.Property(r => r.Id).ValueGeneratedNever();
            rebuild.HasIndex(r => r.Projection, "projection_rebuilds_one_running").IsUnique().HasFilter("state = 'running'");
            rebuild.HasIndex(r => new { r.Projection, r.StartedAt }, "projection_rebuilds_newest");
        });
        modelBuilder.MapMessaging();
        modelBuilder.UseSnakeCaseNames();
    }

    private static void MapProjections(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<SalesDay>(sales =>
        {
            sales.ToTable("sales_per_day", table =>
            {
                table.HasCheckConstraint("ck_sales_per_day_counts", "orders >= 0 AND units >= orders AND cancelled_orders >= 0");
                table.HasCheckConstraint("ck_sales_per_day_amounts", "revenue >= 0 AND cancelled_revenue >= 0");
                table.HasCheckConstraint("ck_sales_per_day_currency", "currency ~ '^[A-Z]{3}$'");
            });
            sales.HasKey(s => new { s.Day, s.Currency });
        });
        modelBuilder.Entity<OrderJourney>(journey =>
        {
            journey.ToTable("order_journeys", table =>
            {
                table.HasCheckConstraint("ck_order_journeys_total", "total >= 0");
                table.HasCheckConstraint("ck_order_journeys_currency", "currency ~ '^[A-Z]{3}$'");
            });
            journey.HasKey(j => j.OrderId);
            journey.Property(j => j.OrderId).ValueGeneratedNever();
            journey.HasIndex(j => j.PlacedAt, "order_journeys_placed_at");
        });
        modelBuilder.Entity<SoldLine>(line =>
        {
            line.ToTable("sold_lines", table =>
            {
                table.HasCheckConstraint("ck_sold_lines_sku", "sku <> ''");
                table.HasCheckConstraint("ck_sold_lines_units", "units > 0");
                table.HasCheckConstraint("ck_sold_lines_revenue", "revenue >= 0");
                table.HasCheckConstraint("ck_sold_lines_currency", "currency ~ '^[A-Z]{3}$'");
            });
            line.HasKey(l => new { l.OrderId, l.Sku });
            line.HasIndex(l => l.Day, "sold_lines_day");
        });
        modelBuilder.Entity<RejectionDay>(rejection =>
        {
            rejection.ToTable("rejections_per_day", table =>
            {
                table.HasCheckConstraint("ck_rejections_per_day_orders", "orders > 0");
                table.HasCheckConstraint("ck_rejections_per_day_units", "asked >= 0 AND missing >= 0 AND missing <= asked");
            });
            rejection.HasKey(r => new { r.Day, r.Reason, r.Sku });
        });
        modelBuilder.Entity<StockOutDay>(stockOut =>
        {
            stockOut.ToTable("stock_outs_per_day", table =>
            {
                table.HasCheckConstraint("ck_stock_outs_per_day_sku", "sku <> ''");
                table.HasCheckConstraint("ck_stock_outs_per_day_counts", "shortages >= 0 AND low_alerts >= 0");
                table.HasCheckConstraint("ck_stock_outs_per_day_units", "asked >= 0 AND missing >= 0 AND missing <= asked");
            });
            stockOut.HasKey(s => new { s.Day, s.Sku });
        });
    }
}
