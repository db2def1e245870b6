using Shop.Analytics;
using Shop.Analytics.Features.BestSellers;
using Shop.Analytics.Features.EventLog;
using Shop.Analytics.Features.Funnel;
using Shop.Analytics.Features.Invariants;
using Shop.Analytics.Features.Projections;
using Shop.Analytics.Features.Rejections;
using Shop.Analytics.Features.SalesPerDay;
using Shop.Analytics.Features.StockOuts;
using Shop.Analytics.Persistence;
using Shop.Contracts;
using Shop.Messaging;
using Shop.Messaging.LogTailing;
using Shop.ServiceDefaults.Hosting;
using Shop.ServiceDefaults.Operations;

var builder = ServiceHost.CreateBuilder(args);
builder.AddServiceDefaults<AnalyticsDbContext>();
builder.Services.AddValidation();
builder.AddMessaging<AnalyticsDbContext>(ShopEvents.Catalog, bus => bus
    .AddBulkConsumer<EventLogConsumer, IIntegrationEvent>()
    .UseRelayOf<AnalyticsDbContext>(builder.Configuration));
builder.Services.AddOptions<EventLogSettings>().BindConfiguration("Analytics").ValidateDataAnnotations().ValidateOnStart();
builder.Services.AddSingleton(AllProjections.Catalog).AddScoped<ProjectionRebuilds>();
builder.Services.AddHostedService<EventLogPartitions>().AddHostedService<ProjectionWorker>();
builder.Services.AddInvariants(EventFigures.ReadAsync);

var app = builder.Build();
if (await app.RunCommandAsync<AnalyticsDbContext>(args) is { } exitCode)
{
    return exitCode;
}

app.UseServiceDefaults();
app.MapGetSales();
app.MapGetBestSellers();
app.MapGetFunnel();
app.MapGetRejections();
app.MapGetStockOuts();
app.MapProjections();
app.MapGetEvents();
await app.RunAsync();
return 0;
