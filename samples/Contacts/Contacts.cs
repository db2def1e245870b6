using Contacts;
using Contacts.Contracts.V1;
using Microsoft.EntityFrameworkCore;
using Shop.Messaging;
using Shop.Messaging.LogTailing;
using Shop.Messaging.Outbox;
using Shop.Messaging.Relay;

await using var contacts = await Service.CreateAsync(args);
await contacts.RunAsync();

namespace Contacts
{
    /// <summary>Create, read, update, delete. No domain model and no domain event: an endpoint appends to the outbox what others should know.</summary>
    public static class Service
    {
        public static async Task<WebApplication> CreateAsync(params string[] args)
        {
            var builder = WebApplication.CreateBuilder(args);
            builder.Configuration["Messaging:Service"] = "contacts";
            builder.Services.AddDbContextPool<ContactsDb>(options => options.UseNpgsql(builder.Configuration.GetConnectionString("Database")));
            builder.AddMessaging<ContactsDb>(EventCatalog.Of(typeof(ContactChanged).Assembly), messaging => messaging
                .DeclareTopology()
                .UseRelayOf<ContactsDb>(builder.Configuration)); // docs/bridging-the-crash.md runs it with both relays

            var app = builder.Build();
            app.MapPost("/contacts", async (Details request, ContactsDb db, OutboxAppender outbox, TimeProvider clock, CancellationToken ct) =>
            {
                var contact = db.Contacts.Add(new Contact { Id = Guid.CreateVersion7(), Name = request.Name, Email = request.Email }).Entity;
                return await SaveAsync(contact, db, outbox, clock, ct) ?? Results.Created($"/contacts/{contact.Id}", contact.Id);
            });
            app.MapPut("/contacts/{id:guid}", async (Guid id, Details request, ContactsDb db, OutboxAppender outbox, TimeProvider clock, CancellationToken ct) =>
            {
                if (await db.Contacts.FindAsync([id], ct) is not { } contact)
                {
                    return Results.NotFound();
                }

                (contact.Name, contact.Email) = (request.Name, request.Email);
                return await SaveAsync(contact, db, outbox, clock, ct) ?? Results.NoContent();
            });
            app.MapDelete("/contacts/{id:guid}", async (Guid id, ContactsDb db, OutboxAppender outbox, TimeProvider clock, CancellationToken ct) =>
            {
                if (await db.Contacts.FindAsync([id], ct) is { } contact)
                {
                    db.Contacts.Remove(contact);
                    outbox.Append(db, new ContactRemoved(Guid.CreateVersion7(), clock.GetUtcNow(), id, contact.Version + 1));
                    await db.SaveChangesAsync(ct);
                }

                return Results.NoContent();
            });
            app.MapGet("/contacts/{id:guid}", async (Guid id, ContactsDb db, CancellationToken ct) =>
                await db.Contacts.FindAsync([id], ct) is { } contact ? Results.Ok(contact) : Results.NotFound());

            await using var scope = app.Services.CreateAsyncScope();
            var db = scope.ServiceProvider.GetRequiredService<ContactsDb>();
            await db.Database.EnsureCreatedAsync(); // or a migration: docs/adopt.md
            await db.CreateMessagingTablesAsync();
            await scope.ServiceProvider.GetRequiredService<IRelayPreparation>().PrepareAsync(default);
            return app;
        }

        /// <summary>The row and the event, or neither. Null if it was saved.</summary>
        private static async Task<IResult?> SaveAsync(Contact contact, ContactsDb db, OutboxAppender outbox, TimeProvider clock, CancellationToken ct)
        {
            contact.Version++;
            outbox.Append(db, new ContactChanged(Guid.CreateVersion7(), clock.GetUtcNow(), contact.Id, contact.Version, contact.Name, contact.Email));
            try
            {
                await db.SaveChangesAsync(ct);
                return null;
            }
            catch (DbUpdateException)
            {
                return Results.Conflict($"Another contact has the address {contact.Email}, or this one was changed meanwhile.");
            }
        }

        private sealed record Details(string Name, string Email);
    }
}
