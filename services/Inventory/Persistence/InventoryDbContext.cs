using System.Linq.Expressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;
using Shop.Inventory.Domain;
using Shop.Messaging;
using Shop.ServiceDefaults.Hosting;

namespace Shop.Inventory.Persistence;

internal sealed class InventoryDbContext(DbContextOptions<InventoryDbContext> options) : DbContext(options)
{
    public DbSet<Product> Products => Set<Product>();

    public DbSet<StockMovement> Movements => Set<StockMovement>();

    public DbSet<Reservation> Reservations => Set<Reservation>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Product>(product =>
        {
            product.ToTable("products", table =>
            {
                table.HasCheckConstraint("products_sku", "sku ~ '^[A-Za-z0-9._-]{1,64}$'");
                table.HasCheckConstraint("products_unit_price", "unit_price >= 0 AND currency ~ '^[A-Z]{3}$'");
                table.HasCheckConstraint("products_stock", "on_hand >= 0 AND reserved >= 0 AND shipped >= 0");
                table.HasCheckConstraint("products_low_stock_threshold", "low_stock_threshold >= 0");
            });
            product.HasKey(p => p.Sku);
            ConfigureSku(product.Property(p => p.Sku));
            product.Property(p => p.Name).HasMaxLength(Product.MaxNameLength);
            product.Property(p => p.UnitPrice).HasColumnType("numeric"); // as many decimals as its currency has
            product.Property(p => p.Currency).HasMaxLength(3).IsFixedLength();
            product.Property(p => p.Version).IsConcurrencyToken();
        });
        modelBuilder.Entity<StockMovement>(movement =>
        {
            movement.ToTable("stock_movements", table =>
            {
                table.HasCheckConstraint("stock_movements_quantity", "quantity > 0 OR (kind = 'adjusted' AND quantity < 0)");
                table.HasCheckConstraint("stock_movements_kind",
                    "kind IN ('received', 'reserved', 'released', 'expired', 'reclaimed', 'shipped', 'adjusted')");
                table.HasCheckConstraint("stock_movements_order", "kind = 'adjusted' OR (order_id IS NULL) = (kind = 'received')");
                // COLLATE "C": the same blanks and control characters as in the model, whatever the database's locale.
                table.HasCheckConstraint("stock_movements_reason",
                    "(reason IS NOT NULL) = (kind = 'adjusted') AND reason COLLATE \"C\" ~ '\\S' AND reason COLLATE \"C\" !~ '[[:cntrl:]]'");
            });
            movement.Property(m => m.Id).ValueGeneratedNever();
            ConfigureSku(movement.Property(m => m.Sku));
            movement.Property(m => m.Reason).HasMaxLength(Product.MaxReasonLength);
            movement.Property(m => m.Kind).HasConversion(new LowerCase<MovementKind>()).HasMaxLength(16);
            movement.HasOne<Product>().WithMany().HasForeignKey(m => m.Sku).OnDelete(DeleteBehavior.Restrict);
            movement.HasIndex(m => new { m.Sku, m.Id });
            movement.HasIndex(m => new { m.OrderId, m.Sku, m.Kind }).IsUnique().HasFilter("order_id IS NOT NULL");
        });
        modelBuilder.Entity<Reservation>(reservation =>
        {
            reservation.ToTable("reservations", table =>
            {
                table.HasCheckConstraint("reservations_status", "status IN ('reserved', 'failed', 'released', 'shipped', 'expired')");
                table.HasCheckConstraint("reservations_expiry",
                    "CASE WHEN expires_at IS NULL THEN status NOT IN ('reserved', 'expired') ELSE expires_at > decided_at END");
            });
            reservation.HasIndex(r => r.ExpiresAt).HasFilter("status = 'reserved'"); // for the sweeper
            reservation.HasKey(r => r.OrderId);
            reservation.Property(r => r.OrderId).ValueGeneratedNever();
            reservation.Property(r => r.Status).HasConversion(new LowerCase<ReservationStatus>()).HasMaxLength(16);
            reservation.Property(r => r.Version).IsConcurrencyToken();
            reservation.OwnsMany(r => r.Lines, line =>
            {
                line.ToTable("reservation_lines", table => table.HasCheckConstraint("reservation_lines_quantity", "quantity > 0"));
                line.WithOwner().HasForeignKey("order_id");
                line.Property<Guid>("order_id");
                line.HasKey("order_id", nameof(ReservationLine.Sku));
                line.Property(l => l.Sku).UseCollation("C"); // any text: an order may contain unlisted skus
            });
        });
        modelBuilder.MapMessaging();
        modelBuilder.UseSnakeCaseNames();
    }

    /// <summary>Sorts skus by their bytes on every system, like the code that locks them.</summary>
    private static void ConfigureSku(Microsoft.EntityFrameworkCore.Metadata.Builders.PropertyBuilder<string> property) =>
        property.HasMaxLength(Product.MaxSkuLength).UseCollation("C");

    private sealed class LowerCase<TEnum>() : ValueConverter<TEnum, string>(s_write, s_read)
        where TEnum : struct, Enum
    {
        private static readonly Expression<Func<TEnum, string>> s_write = value => value.ToString().ToLowerInvariant();
        private static readonly Expression<Func<string, TEnum>> s_read = text => Enum.Parse<TEnum>(text, true);
    }
}
