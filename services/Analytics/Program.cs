using Shop.Analytics.Features.EventLog;
using Shop.Analytics.Features.Funnel;
using Shop.Analytics.Features.SalesPerDay;
using Shop.Analytics.Persistence;
using Shop.ServiceDefaults.Hosting;
using Shop.ServiceDefaults.Messaging;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults<AnalyticsDbContext>();
builder.Services.AddValidation();
builder.AddMessaging<AnalyticsDbContext>(bus => bus.AddConsumer<EventLogConsumer>());
builder.Services.AddHostedService<EventLogPartitions>();

var app = builder.Build();
if (args is ["migrate"])
{
    await app.MigrateAsync<AnalyticsDbContext>();
    return;
}

app.UseServiceDefaults();
app.MapGetSales();
app.MapGetFunnel();
app.MapGetEvents();
await app.RunAsync();
