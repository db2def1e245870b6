using Microsoft.EntityFrameworkCore;
using Shop.Ordering.Domain;
using Shop.ServiceDefaults.Hosting;
using Shop.ServiceDefaults.Messaging;

namespace Shop.Ordering.Persistence;

internal sealed class OrderingDbContext(DbContextOptions<OrderingDbContext> options) : DbContext(options)
{
    public DbSet<Order> Orders => Set<Order>();

    public DbSet<Customer> Customers => Set<Customer>();

    public DbSet<Product> Products => Set<Product>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Order>(order =>
        {
            order.ToTable("orders", table => table.HasCheckConstraint("orders_total", "total >= 0 AND discount >= 0"));
            order.Property(o => o.Id).ValueGeneratedNever();
            order.Property(o => o.Status).HasConversion<string>().HasMaxLength(16);
            order.Property(o => o.CustomerId).HasMaxLength(200);
            order.Property(o => o.Currency).HasMaxLength(3).IsFixedLength();
            order.Property(o => o.Reason).HasMaxLength(64);
            order.Property(o => o.Total).HasPrecision(18, 2);
            order.Property(o => o.Discount).HasPrecision(18, 2);
            order.Property(o => o.Version).IsConcurrencyToken();
            order.HasIndex(o => new { o.CustomerId, o.Id });
            order.HasIndex(o => new { o.Status, o.Id });
            order.OwnsMany(o => o.ShortLines, line => line.ToJson("short_lines"));
            order.OwnsMany(o => o.Lines, line =>
            {
                line.ToTable("order_lines", table => table.HasCheckConstraint("order_lines_quantity", "quantity > 0 AND unit_price >= 0"));
                line.WithOwner().HasForeignKey("order_id");
                line.Property<Guid>("order_id");
                line.HasKey("order_id", nameof(OrderLine.Sku));
                line.Property(l => l.Sku).HasMaxLength(64);
                line.Property(l => l.Name).HasMaxLength(200);
                line.Property(l => l.UnitPrice).HasPrecision(18, 2);
                line.Property(l => l.Currency).HasMaxLength(3).IsFixedLength();
            });
        });
        modelBuilder.Entity<Customer>(customer =>
        {
            customer.ToTable("customers");
            customer.Property(c => c.Id).HasMaxLength(200);
            customer.Property(c => c.Version).IsConcurrencyToken();
        });
        modelBuilder.Entity<Product>(product =>
        {
            product.ToTable("products", table => table.HasCheckConstraint("products_unit_price", "unit_price >= 0"));
            product.HasKey(p => p.Sku);
            product.Property(p => p.Sku).HasMaxLength(64);
            product.Property(p => p.Name).HasMaxLength(200);
            product.Property(p => p.UnitPrice).HasPrecision(18, 2);
            product.Property(p => p.Currency).HasMaxLength(3).IsFixedLength();
            product.Property(p => p.NameVersion).IsConcurrencyToken();
            product.Property(p => p.PriceVersion).IsConcurrencyToken();
        });
        modelBuilder.MapMessaging();
        modelBuilder.UseSnakeCaseNames();
    }
}
