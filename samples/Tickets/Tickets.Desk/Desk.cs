using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Shop.Messaging;
using Shop.Messaging.DomainEvents;
using Tickets.Contracts.V1;

await using var desk = await Desk.CreateAsync(args);
await desk.RunAsync();

/// <summary>Customers open tickets. Has a domain model, and publishes what others may know of it.</summary>
public static class Desk
{
    public static async Task<WebApplication> CreateAsync(params string[] args)
    {
        var builder = WebApplication.CreateBuilder(args);
        builder.Configuration["Messaging:Service"] = "desk";
        builder.Services.AddDbContextPool<DeskDb>(options => options.UseNpgsql(builder.Configuration.GetConnectionString("Database")));
        builder.AddMessaging<DeskDb>(EventCatalog.Of(typeof(TicketOpened).Assembly), PublishedEvents.From, messaging => messaging.DeclareTopology());
        builder.Services.AddScoped<IDomainEventHandler<Opened>, LimitOpenTickets>();

        var app = builder.Build();
        app.MapPost("/tickets", async (NewTicket request, DeskDb db, TimeProvider clock, CancellationToken ct) =>
        {
            var ticket = Ticket.Open(request.Customer, request.Subject, clock.GetUtcNow());
            db.Tickets.Add(ticket);
            try
            {
                await db.SaveChangesAsync(ct); // the handler, the rows and the event: all of it or nothing
            }
            catch (DomainException refused)
            {
                return Results.Conflict(refused.Message);
            }

            return Results.Created($"/tickets/{ticket.Id}", ticket.Id);
        });

        await using var scope = app.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<DeskDb>();
        await db.Database.EnsureCreatedAsync(); // or a migration: docs/adopt.md
        await db.CreateMessagingTablesAsync();
        return app;
    }

    private sealed record NewTicket(string Customer, string Subject);
}

internal sealed class Ticket : AggregateRoot
{
    private Ticket() { } // EF Core

    public Guid Id { get; private init; }
    public required string Customer { get; init; }
    public required string Subject { get; init; }

    public static Ticket Open(string customer, string subject, DateTimeOffset now)
    {
        var ticket = new Ticket { Id = Guid.CreateVersion7(now), Customer = customer, Subject = subject, Version = 1 };
        ticket.Raise(new Opened(ticket, now));
        return ticket;
    }
}

/// <summary>A domain event: it never leaves the service.</summary>
internal sealed record Opened(Ticket Ticket, DateTimeOffset At) : DomainEvent(At);

internal sealed class Customer
{
    public required string Name { get; init; }
    public int OpenTickets { get; set; }
}

/// <summary>Before the commit, in the same transaction: when it throws, there is no ticket and no event.</summary>
internal sealed class LimitOpenTickets(DeskDb db) : IDomainEventHandler<Opened>
{
    private const int Limit = 2;

    public async Task HandleAsync(Opened opened, CancellationToken ct)
    {
        var customer = await db.Customers.FindAsync([opened.Ticket.Customer], ct)
            ?? db.Customers.Add(new Customer { Name = opened.Ticket.Customer }).Entity;
        if (++customer.OpenTickets > Limit)
        {
            throw new DomainException("too-many-tickets", $"{customer.Name} has {Limit} open tickets already.", conflict: true);
        }
    }
}

/// <summary>Which domain events become integration events: one to one, one to none, many to one.</summary>
internal static class PublishedEvents
{
    public static IEnumerable<IIntegrationEvent> From(IReadOnlyList<DomainEvent> events) => events.Select(e => e switch
    {
        Opened opened => new TicketOpened(opened.EventId, opened.At, opened.Ticket.Id, opened.Ticket.Customer, opened.Ticket.Subject),
        _ => throw new UnreachableException($"Decide here whether {e.GetType().Name} is published."),
    });
}

internal sealed class DeskDb(DbContextOptions<DeskDb> options) : DbContext(options)
{
    public DbSet<Ticket> Tickets => Set<Ticket>();
    public DbSet<Customer> Customers => Set<Customer>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Ticket>(ticket =>
        {
            ticket.Property(t => t.Id).ValueGeneratedNever();
            ticket.Property(t => t.Version).IsConcurrencyToken();
        });
        modelBuilder.Entity<Customer>().HasKey(customer => customer.Name);
        modelBuilder.Entity<Customer>().Property(customer => customer.OpenTickets).IsConcurrencyToken();
        modelBuilder.MapMessaging();
    }
}
