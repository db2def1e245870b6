using Microsoft.EntityFrameworkCore;
using Shop.Contracts.Ordering.V1;
using Shop.Messaging;
using Shop.Messaging.DomainEvents;
using Shop.ServiceDefaults.Hosting;

namespace Shop.Benchmarks.Model;

/// <summary>An order of three lines: as much as an ordinary request changes.</summary>
internal sealed class BenchOrder : AggregateRoot
{
    private readonly List<BenchLine> _lines = [];

    private BenchOrder() { } // EF Core

    public Guid Id { get; private init; }

    public string CustomerId { get; private init; } = "";

    public string Status { get; private init; } = "";

    public decimal Total { get; private init; }

    public DateTimeOffset PlacedAt { get; private init; }

    public IReadOnlyList<BenchLine> Lines => _lines;

    /// <summary>The event that this instance raised.</summary>
    public Guid EventId { get; private set; }

    /// <summary>Places an order; a silent one raises no event and is the measure for one that does.</summary>
    public static BenchOrder Place(string customer, bool silent, DateTimeOffset now)
    {
        var order = new BenchOrder
        {
            Id = Guid.CreateVersion7(now),
            CustomerId = customer,
            Status = "Placed",
            Total = 42.50m,
            PlacedAt = now,
            Version = 1,
        };
        order._lines.AddRange([
            new BenchLine { Sku = "TEA-1", Quantity = 2, UnitPrice = 4.50m },
            new BenchLine { Sku = "POT-3", Quantity = 1, UnitPrice = 29.00m },
            new BenchLine { Sku = "CUP-7", Quantity = 3, UnitPrice = 1.50m }]);
        if (!silent)
        {
            var placed = new BenchOrderPlaced(order, now);
            order.EventId = placed.EventId;
            order.Raise(placed);
        }

        return order;
    }

    /// <summary>The integration event of it.</summary>
    public OrderPlaced Placed(Guid eventId) => new(eventId, PlacedAt, Id, Version, CustomerId,
        [.. Lines.Select(line => new OrderPlaced.Line(line.Sku, line.Quantity, line.UnitPrice))], 0, Total, "EUR");
}

internal sealed class BenchLine
{
    public required string Sku { get; init; }

    public required int Quantity { get; init; }

    public required decimal UnitPrice { get; init; }
}

internal sealed record BenchOrderPlaced(BenchOrder Order, DateTimeOffset At) : DomainEvent(At);

/// <summary>What a consumer does: one row.</summary>
internal sealed class BenchEffect
{
    public required Guid EventId { get; init; }

    public required string What { get; init; }
}

internal sealed class BenchDbContext(DbContextOptions<BenchDbContext> options) : DbContext(options)
{
    public DbSet<BenchOrder> Orders => Set<BenchOrder>();

    public DbSet<BenchEffect> Effects => Set<BenchEffect>();

    /// <summary>The events whose effects the next commit makes.</summary>
    public List<Guid> Consuming { get; } = [];

    public static IEnumerable<IIntegrationEvent> Events(IReadOnlyList<DomainEvent> events) =>
        events.Cast<BenchOrderPlaced>().Select(e => e.Order.Placed(e.EventId));

    /// <summary>Orders, their lines and effects, without messaging: peers have the same.</summary>
    public static void Map(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<BenchOrder>(order =>
        {
            order.ToTable("orders");
            order.Property(o => o.Id).ValueGeneratedNever();
            order.Property(o => o.Version).IsConcurrencyToken();
            order.HasIndex(o => o.CustomerId);
            order.Ignore(o => o.EventId);
            order.OwnsMany(o => o.Lines, line =>
            {
                line.ToTable("order_lines");
                line.WithOwner().HasForeignKey("OrderId");
                line.HasKey("OrderId", nameof(BenchLine.Sku));
            });
        });
        modelBuilder.Entity<BenchEffect>().ToTable("effects").HasKey(effect => effect.EventId);
    }

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        Map(modelBuilder);
        modelBuilder.MapMessaging();
        modelBuilder.UseSnakeCaseNames();
    }
}
