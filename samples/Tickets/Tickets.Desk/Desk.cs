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
