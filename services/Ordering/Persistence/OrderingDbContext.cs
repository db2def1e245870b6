using System.Linq.Expressions;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;
using Npgsql;
using Shop.Messaging;
using Shop.Ordering.Domain;
using Shop.ServiceDefaults.Hosting;
using Shop.ServiceDefaults.Http;

namespace Shop.Ordering.Persistence;

internal sealed class OrderingDbContext(DbContextOptions<OrderingDbContext> options) : DbContext(options)
{
    private const string HistoryTable = "orders_history";
    private const string IsCurrency = "currency ~ '^[A-Z]{3}$'";
    private const string Statuses = "'Placed', 'Confirmed', 'Rejected', 'Cancelled', 'Shipped'";

    /// <summary>
    /// The transitions of OrderTransitions; a test compares the two. One comparison of text: PostgreSQL prepares a constraint for each statement,
    /// and a list of pairs is the dearest part of an order's history.
    /// </summary>
    private const string Moves = "concat(from_status, '>', to_status) = ANY ("
        + "'{>Placed,Placed>Confirmed,Placed>Rejected,Placed>Cancelled,Confirmed>Cancelled,Confirmed>Shipped}')";

    public DbSet<Order> Orders => Set<Order>();

    public DbSet<Customer> Customers => Set<Customer>();

    public DbSet<Product> Products => Set<Product>();

    public DbSet<OrderHistoryEntry> History => Set<OrderHistoryEntry>();

    public override async Task<int> SaveChangesAsync(bool acceptAllChangesOnSuccess, CancellationToken cancellationToken = default)
    {
        try
        {
            return await base.SaveChangesAsync(acceptAllChangesOnSuccess, cancellationToken);
        }
        catch (DbUpdateException e) when (e.InnerException is PostgresException
        {
            SqlState: PostgresErrorCodes.UniqueViolation,
            TableName: HistoryTable,
        })
        {
            // Another transaction has saved this version of the order. All statements of a save are sent together, so the error of
            // the history's key arrives before the missing row of the order's version. It is the same concurrency conflict, to be
            // retried on fresh data.
            throw new DbUpdateConcurrencyException("The order was changed concurrently.", e);
        }
    }

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Order>(MapOrder);
        modelBuilder.Entity<OrderHistoryEntry>(MapHistory);
        modelBuilder.Entity<Customer>(customer =>
        {
            customer.ToTable("customers", table =>
            {
                table.HasCheckConstraint("customers_confirmed_orders", "confirmed_orders >= 0 AND version >= 0");
                table.HasCheckConstraint("customers_preferred",
                    $"(preferred_since IS NOT NULL) = (confirmed_orders >= {Customer.OrdersToBecomePreferred})");
            });
            customer.Property(c => c.Id).HasMaxLength(Auth.MaxSubjectLength);
            customer.Property(c => c.Version).IsConcurrencyToken();
        });
        modelBuilder.Entity<Product>(product =>
        {
            product.ToTable("products", table =>
            {
                table.HasCheckConstraint("products_unit_price", "unit_price >= 0");
                table.HasCheckConstraint("products_currency", IsCurrency);
                table.HasCheckConstraint("products_versions", "name_version >= 0 AND price_version >= 0");
            });
            product.HasKey(p => p.Sku);
            product.Property(p => p.Sku).HasMaxLength(64);
            product.Property(p => p.Name).HasMaxLength(200);
            product.Property(p => p.UnitPrice).HasColumnType("numeric");
            product.Property(p => p.Currency).HasMaxLength(3).IsFixedLength();
            product.Property(p => p.NameVersion).IsConcurrencyToken();
            product.Property(p => p.PriceVersion).IsConcurrencyToken();
        });
        modelBuilder.MapMessaging();
        modelBuilder.UseSnakeCaseNames();
    }

    private static void MapOrder(EntityTypeBuilder<Order> order)
    {
        order.ToTable("orders", table =>
        {
            table.HasCheckConstraint("orders_total", "total >= 0 AND discount >= 0");
            table.HasCheckConstraint("orders_status", $"status IN ({Statuses})");
            table.HasCheckConstraint("orders_reason", "(reason IS NOT NULL) = (status IN ('Rejected', 'Cancelled'))");
            table.HasCheckConstraint("orders_currency", IsCurrency);
            table.HasCheckConstraint("orders_versions", "version >= 1 AND reservation_version >= 0");
        });
        order.Property(o => o.Id).ValueGeneratedNever();
        order.Property(o => o.Status).HasConversion<string>().HasMaxLength(16);
        order.Property(o => o.CustomerId).HasMaxLength(Auth.MaxSubjectLength);
        order.Property(o => o.Currency).HasMaxLength(3).IsFixedLength();
        order.Property(o => o.Reason).HasMaxLength(64);
        order.Property(o => o.Total).HasColumnType("numeric");
        order.Property(o => o.Discount).HasColumnType("numeric");
        order.Property(o => o.Version).IsConcurrencyToken();
        order.Property(o => o.ReservationVersion).HasDefaultValue(0).ValueGeneratedNever().IsConcurrencyToken(); // a late event changes only this column
        order.HasIndex(o => new { o.CustomerId, o.Id });
        order.HasIndex(o => new { o.Status, o.Id });
        order.HasIndex(o => new { o.PlacedAt, o.Id }, "ix_orders_waiting").HasFilter("status = 'Placed'");
        order.OwnsMany(o => o.ShortLines, line => line.ToJson("short_lines"));
        order.OwnsMany(o => o.Lines, line =>
        {
            line.ToTable("order_lines", table =>
            {
                table.HasCheckConstraint("order_lines_quantity", "quantity > 0 AND unit_price >= 0");
                table.HasCheckConstraint("order_lines_currency", IsCurrency);
            });
            line.WithOwner().HasForeignKey("order_id");
            line.Property<Guid>("order_id");
            line.HasKey("order_id", nameof(OrderLine.Sku));
            line.Property(l => l.Sku).HasMaxLength(64);
            line.Property(l => l.Name).HasMaxLength(200);
            line.Property(l => l.UnitPrice).HasColumnType("numeric");
            line.Property(l => l.Currency).HasMaxLength(3).IsFixedLength();
        });
    }

    private static void MapHistory(EntityTypeBuilder<OrderHistoryEntry> entry)
    {
        // EF orders statements by table name. With this name the order's row is updated before its history entry is inserted, as it is
        // where an order is locked first: concurrent changes cannot deadlock, and the version decides.
        entry.ToTable(HistoryTable, table =>
        {
            table.HasCheckConstraint("orders_history_moves", $"(version = 1) = (from_status IS NULL) AND {Moves}");
            table.HasCheckConstraint("orders_history_reason", "(reason IS NOT NULL) = (to_status IN ('Rejected', 'Cancelled'))");
            table.HasCheckConstraint("orders_history_cause", "cause IN ('customer', 'staff', 'event', 'deadline')");
            table.HasCheckConstraint("orders_history_caused_by", "(caused_by IS NOT NULL) = (cause IN ('customer', 'staff', 'event'))");
        });
        entry.HasKey(e => new { e.OrderId, e.Version });
        entry.HasIndex(e => new { e.OrderId, e.ToStatus }).IsUnique(); // no status is reached twice
        entry.HasOne<Order>().WithMany().HasForeignKey(e => e.OrderId).OnDelete(DeleteBehavior.Restrict);
        entry.Property(e => e.FromStatus).HasConversion<string>().HasMaxLength(16);
        entry.Property(e => e.ToStatus).HasConversion<string>().HasMaxLength(16);
        entry.Property(e => e.Reason).HasMaxLength(64);
        entry.Property(e => e.Cause).HasConversion(new KebabCase<CauseKind>()).HasMaxLength(16);
        entry.Property(e => e.CausedBy).HasMaxLength(Auth.MaxSubjectLength);
    }

    private sealed class KebabCase<TEnum>() : ValueConverter<TEnum, string>(s_write, s_read)
        where TEnum : struct, Enum
    {
        private static readonly Expression<Func<TEnum, string>> s_write = value => JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString());
        private static readonly Expression<Func<string, TEnum>> s_read = text => Enum.Parse<TEnum>(text.Replace("-", "", StringComparison.Ordinal), true);
    }
}
