using Shop.Contracts;
using Shop.Contracts.Inventory.V1;
using Shop.Messaging;
using Shop.Messaging.DomainEvents;
using Shop.Messaging.LogTailing;
using Shop.Ordering;
using Shop.Ordering.Domain;
using Shop.Ordering.Features;
using Shop.Ordering.Features.AnswerDeadline;
using Shop.Ordering.Features.AnswerFromInventory;
using Shop.Ordering.Features.CancelOrder;
using Shop.Ordering.Features.CustomerStanding;
using Shop.Ordering.Features.GetOrders;
using Shop.Ordering.Features.Invariants;
using Shop.Ordering.Features.OrderEvents;
using Shop.Ordering.Features.OrderHistory;
using Shop.Ordering.Features.PlaceOrder;
using Shop.Ordering.Features.ProductPrices;
using Shop.Ordering.Features.ShipOrder;
using Shop.Ordering.Persistence;
using Shop.ServiceDefaults.Hosting;
using Shop.ServiceDefaults.Operations;

var builder = ServiceHost.CreateBuilder(args);
builder.AddServiceDefaults<OrderingDbContext>();
builder.Services.AddValidation();
builder.AddMessaging<OrderingDbContext>(ShopEvents.Catalog, PublishedEvents.From, bus => bus
    .AddConsumer<ProductPricesConsumer>()
    .AddBatchConsumer<StockReservedConsumer, StockReserved>()
    .AddConsumer<StockReservationFailedConsumer>()
    .AddConsumer<StockReservationExpiredConsumer>()
    .UseRelayOf<OrderingDbContext>(builder.Configuration));
builder.Services.AddOptions<OrderingSettings>().BindConfiguration("Ordering").ValidateDataAnnotations().ValidateOnStart();
builder.Services.AddScoped<IDomainEventHandler<OrderConfirmed>, CountConfirmedOrder>();
builder.Services.AddScoped<IDomainEventHandler<OrderStatusChanged>, RecordHistory>();
builder.Services.AddScoped<ICommittedEventHandler<OrderStatusChanged>, NotifyOrderStreams>();
builder.Services.AddSingleton<LateEvents>();
builder.Services.AddSingleton<OrderStreams>().AddHostedService(services => services.GetRequiredService<OrderStreams>());
builder.Services.AddHostedService<AnswerDeadlineSweeper>();
builder.Services.AddHostedService<OrderRehearsal>();
builder.Services.AddInvariants(OrderFigures.ReadAsync);

var app = builder.Build();
if (await app.RunCommandAsync<OrderingDbContext>(args) is { } exitCode)
{
    return exitCode;
}

app.UseServiceDefaults();
app.MapPlaceOrder();
app.MapGetOrders();
app.MapGetOrderHistory();
app.MapOrderEvents();
app.MapCancelOrder();
app.MapShipOrder();
app.MapGetCustomer();
await app.RunAsync();
return 0;
