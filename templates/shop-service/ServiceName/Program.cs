using Microsoft.EntityFrameworkCore;
using ServiceName;
using ServiceName.Contracts;
using Shop.Messaging;

// Settings are read at the start. Watching their files would take one of the 128 inotify instances that a user has on a machine, in a
// cluster shared by all pods of a node; a process that gets none aborts.
var builder = WebApplication.CreateBuilder([.. args, "--hostBuilder:reloadConfigOnChange=false"]);
builder.Configuration["Messaging:Service"] = "service-name"; // the first part of the names of its events and queues
builder.Services.AddDbContextPool<Short1Db>(options => options.UseNpgsql(builder.Configuration.GetConnectionString("Database")));
var events = EventCatalog.Of(typeof(Short1Contracts).Assembly); // and the contracts of the services that it consumes events of
builder.AddMessaging<Short1Db>(events, PublishedEvents.From, messaging => messaging
    .DeclareTopology()); // for development and small installations

var app = builder.Build();
app.MapHealthChecks("/health/ready");

await using (var scope = app.Services.CreateAsyncScope())
{
    var db = scope.ServiceProvider.GetRequiredService<Short1Db>();
    await db.Database.EnsureCreatedAsync(); // until there are migrations: then migrationBuilder.CreateMessagingTables() and CreateOperationsTables()
    await db.CreateMessagingTablesAsync();
}

app.Run();
