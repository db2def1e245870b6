using MassTransit;
using Microsoft.EntityFrameworkCore;
using Shop.Messaging;
using Tickets.Contracts.V1;

await using var mail = await Mail.CreateAsync(args);
await mail.RunAsync();

/// <summary>Writes a letter to each customer who opened a ticket. Has no domain model: what it consumes is all that happens.</summary>
public static class Mail
{
    public static async Task<WebApplication> CreateAsync(params string[] args)
    {
        var builder = WebApplication.CreateBuilder(args);
        builder.Configuration["Messaging:Service"] = "mail";
        builder.Services.AddDbContextPool<MailDb>(options => options.UseNpgsql(builder.Configuration.GetConnectionString("Database")));
        builder.AddMessaging<MailDb>(EventCatalog.Of(typeof(TicketOpened).Assembly), messaging => messaging
            .DeclareTopology()
            .AddConsumer<TicketOpenedConsumer>());

        var app = builder.Build();
        app.MapGet("/letters", (MailDb db) => db.Letters.OrderBy(letter => letter.Id).Select(letter => letter.To + ": " + letter.Text).ToListAsync());

        await using var scope = app.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<MailDb>();
        await db.Database.EnsureCreatedAsync();
        await db.CreateMessagingTablesAsync();
        return app;
    }
}

/// <summary>The letter and the inbox row are one transaction: a duplicate never gets here.</summary>
internal sealed class TicketOpenedConsumer(MailDb db) : IConsumer<TicketOpened>
{
    public async Task Consume(ConsumeContext<TicketOpened> context)
    {
        db.Letters.Add(new Letter { To = context.Message.Customer, Text = $"We have your ticket \"{context.Message.Subject}\"." });
        await db.SaveChangesAsync(context.CancellationToken);
    }
}

internal sealed class Letter
{
    public long Id { get; private init; }
    public required string To { get; init; }
    public required string Text { get; init; }
}

internal sealed class MailDb(DbContextOptions<MailDb> options) : DbContext(options)
{
    public DbSet<Letter> Letters => Set<Letter>();

    protected override void OnModelCreating(ModelBuilder modelBuilder) => modelBuilder.MapMessaging();
}
