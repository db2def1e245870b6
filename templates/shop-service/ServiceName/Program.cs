using Microsoft.EntityFrameworkCore;
using ServiceName;
using ServiceName.Contracts;
using Shop.Messaging;

var builder = WebApplication.CreateBuilder(args);
builder.Configuration["Messaging:Service"] = "service-name"; // the first part of the names of its events and queues
builder.Services.AddDbContextPool<ServiceNameDb>(options => options.UseNpgsql(builder.Configuration.GetConnectionString("Database")));
var events = EventCatalog.Of(typeof(ServiceNameContracts).Assembly); // and the contracts of the services that it consumes events of
builder.AddMessaging<ServiceNameDb>(events, PublishedEvents.From, messaging => messaging
    .DeclareTopology()); // for development and small installations

var app = builder.Build();
app.MapHealthChecks("/health/ready");

await using (var scope = app.Services.CreateAsyncScope())
{
    var db = scope.ServiceProvider.GetRequiredService<ServiceNameDb>();
    await db.Database.EnsureCreatedAsync(); // until there are migrations: then migrationBuilder.CreateMessagingTables() and CreateOperationsTables()
    await db.CreateMessagingTablesAsync();
}

app.Run();
