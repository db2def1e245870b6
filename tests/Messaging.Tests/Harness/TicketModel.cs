using MassTransit;
using Microsoft.EntityFrameworkCore;
using Shop.Contracts.Inventory.V1;
using Shop.Contracts.Ordering.V1;
using Shop.Messaging.DomainEvents;
using Shop.ServiceDefaults.Hosting;

namespace Shop.Messaging.Tests.Harness;

/// <summary>The smallest model that has everything: an aggregate that publishes, and an effect that has no natural key.</summary>
internal sealed class Ticket : AggregateRoot
{
    private Ticket() { }

    public Guid Id { get; private init; }

    public int Touches { get; private set; }

    public static Ticket Open(DateTimeOffset now)
    {
        var ticket = new Ticket { Id = Guid.CreateVersion7(now), Version = 1 };
        ticket.Raise(new TicketOpened(ticket.Id, ticket.Version, now));
        return ticket;
    }

    public void Touch(DateTimeOffset now)
    {
        Touches++;
        Version++;
        Raise(new TicketTouched(Id, Version, now));
    }

    /// <summary>Publishes an event whose exchange is not declared.</summary>
    public void Break(DateTimeOffset now)
    {
        Version++;
        Raise(new TicketBroken(Id, Version, now));
    }
}

internal sealed record TicketOpened(Guid TicketId, int Version, DateTimeOffset At) : DomainEvent(At);

internal sealed record TicketTouched(Guid TicketId, int Version, DateTimeOffset At) : DomainEvent(At);

internal sealed record TicketBroken(Guid TicketId, int Version, DateTimeOffset At) : DomainEvent(At);

/// <summary>One row per processed event, without a unique key: it does not detect duplicates.</summary>
internal sealed class Effect
{
    public long Id { get; private init; }

    public required string What { get; init; }
}

/// <summary>Something that may exist once per name.</summary>
internal sealed class UniqueThing
{
    public required string Name { get; init; }
}

internal sealed class TicketDbContext(DbContextOptions<TicketDbContext> options) : DbContext(options)
{
    public DbSet<Ticket> Tickets => Set<Ticket>();

    public DbSet<Effect> Effects => Set<Effect>();

    public DbSet<UniqueThing> Things => Set<UniqueThing>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Ticket>(ticket =>
        {
            ticket.ToTable("tickets");
            ticket.Property(t => t.Id).ValueGeneratedNever();
            ticket.Property(t => t.Version).IsConcurrencyToken();
        });
        modelBuilder.Entity<Effect>().ToTable("effects");
        modelBuilder.Entity<UniqueThing>().ToTable("things").HasKey(thing => thing.Name);
        modelBuilder.MapMessaging();
        modelBuilder.UseSnakeCaseNames();
    }
}

internal static class TicketEvents
{
    /// <summary>The wire name of what Open publishes.</summary>
    public const string Opened = "ordering.order-shipped.v1";

    /// <summary>The wire name of what Touch publishes.</summary>
    public const string Touched = "ordering.customer-became-preferred.v1";

    /// <summary>The wire name of what Break publishes.</summary>
    public const string Broken = "ordering.order-cancelled.v1";

    public static IEnumerable<IIntegrationEvent> From(IReadOnlyList<DomainEvent> events) => events.Select(e => (IIntegrationEvent)(e switch
    {
        TicketOpened o => new OrderShipped(o.EventId, o.At, o.TicketId, o.Version, "nobody"),
        TicketTouched t => new CustomerBecamePreferred(t.EventId, t.At, t.TicketId.ToString(), t.Version),
        TicketBroken b => new OrderCancelled(b.EventId, b.At, b.TicketId, b.Version, "nobody", "broken", false, 0, "EUR"),
        _ => throw new InvalidOperationException(e.ToString()),
    }));
}

/// <summary>Does what has no natural key, once per event; fails on request.</summary>
internal sealed class EffectConsumer(TicketDbContext db, ConsumerScript script) : IConsumer<StockReplenished>
{
    public async Task Consume(ConsumeContext<StockReplenished> context)
    {
        script.Seen(context.Message);
        db.Effects.Add(new Effect { What = context.Message.Sku });
        var ticket = Ticket.Open(TimeProvider.System.GetUtcNow());
        db.Tickets.Add(ticket);
        await script.RunAsync(context.Message, db);
    }
}

/// <summary>What the consumer should do in addition.</summary>
internal sealed class ConsumerScript
{
    private int _attempts;

    public int Attempts => _attempts;

    public Func<StockReplenished, TicketDbContext, Task> Act { get; set; } = (_, _) => Task.CompletedTask;

    public System.Diagnostics.Activity? Activity { get; private set; }

    public void Seen(StockReplenished @event)
    {
        Interlocked.Increment(ref _attempts);
        Activity = System.Diagnostics.Activity.Current;
    }

    public Task RunAsync(StockReplenished @event, TicketDbContext db) => Act(@event, db);
}
