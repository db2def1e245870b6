using MassTransit;
using Microsoft.AspNetCore.Builder;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Shop.Contracts.Ordering.V1;
using Shop.ServiceDefaults.Hosting;
using Shop.ServiceDefaults.Messaging;
using Shop.ServiceDefaults.Messaging.Outbox;

// "consume" takes OrderPlaced; "publish" places orders without end, a few hundred a second. Both end with their standard input, and say
// "ready" at the start and how many events they published at the end.
var builder = WebApplication.CreateBuilder();
builder.Logging.ClearProviders();
builder.AddServiceDefaults<PreviousDbContext>();
builder.AddMessaging<PreviousDbContext>(bus =>
{
    if (args is ["consume"])
    {
        bus.AddConsumer<PlacedConsumer>();
    }
});
await using var app = builder.Build();
await app.StartAsync();
Console.WriteLine("ready");

var ends = Task.Run(Console.In.ReadToEnd); // the console has no asynchronous reading
var published = 0;
while (args is ["publish"] && !ends.IsCompleted)
{
    await using var scope = app.Services.CreateAsyncScope();
    var db = scope.ServiceProvider.GetRequiredService<PreviousDbContext>();
    var now = TimeProvider.System.GetUtcNow();
    scope.ServiceProvider.GetRequiredService<OutboxAppender>().Append(db, new OrderPlaced(Guid.CreateVersion7(now), now, Guid.CreateVersion7(now), 1,
        "ada", [new OrderPlaced.Line("TEA-1", 2, 4.25m)], 0.50m, 8.00m, "EUR"));
    await db.SaveChangesAsync();
    published++;
    await Task.WhenAny(ends, Task.Delay(TimeSpan.FromMilliseconds(3)));
}

await ends;
await app.StopAsync();
Console.WriteLine(published);

/// <summary>Like the current consumer, except for its version.</summary>
internal sealed class PlacedConsumer(PreviousDbContext db) : IConsumer<OrderPlaced>
{
    public Task Consume(ConsumeContext<OrderPlaced> context)
    {
        var placed = context.Message;
        db.Effects.Add(new Effect
        {
            What = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{placed.EventId} {placed.Total} {placed.Currency} previous"),
        });
        return Task.CompletedTask;
    }
}

internal sealed class Effect
{
    public long Id { get; private init; }

    public required string What { get; init; }
}

internal sealed class PreviousDbContext(DbContextOptions<PreviousDbContext> options) : DbContext(options)
{
    public DbSet<Effect> Effects => Set<Effect>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Effect>().ToTable("effects");
        modelBuilder.MapMessaging();
        modelBuilder.UseSnakeCaseNames();
    }
}
