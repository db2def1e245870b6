using Shop.Contracts;
using Shop.Contracts.Ordering.V2;
using Shop.Inventory;
using Shop.Inventory.Domain;
using Shop.Inventory.Features;
using Shop.Inventory.Features.AdjustStock;
using Shop.Inventory.Features.ExpireReservations;
using Shop.Inventory.Features.GetProducts;
using Shop.Inventory.Features.Movements;
using Shop.Inventory.Features.OfferProduct;
using Shop.Inventory.Features.ReceiveStock;
using Shop.Inventory.Features.ReleaseStock;
using Shop.Inventory.Features.ReserveStock;
using Shop.Inventory.Features.ShipStock;
using Shop.Inventory.Features.VerifyStock;
using Shop.Inventory.Features.WatchStock;
using Shop.Inventory.Persistence;
using Shop.Messaging;
using Shop.Messaging.DomainEvents;
using Shop.Messaging.LogTailing;
using Shop.ServiceDefaults.Hosting;
using Shop.ServiceDefaults.Operations;

var builder = ServiceHost.CreateBuilder(args);
builder.AddServiceDefaults<InventoryDbContext>();
builder.Services.AddValidation();
builder.AddMessaging<InventoryDbContext>(ShopEvents.Catalog, PublishedEvents.From, bus => bus
    .AddBatchConsumer<OrderPlacedConsumer, OrderPlaced>()
    .AddConsumer<OrderCancelledConsumer>()
    .AddConsumer<OrderShippedConsumer>()
    .UseRelayOf<InventoryDbContext>(builder.Configuration));
builder.Services.AddScoped<StockMoves>();
builder.Services.AddScoped<IDomainEventHandler<StockReceived>, RecordMovements>();
builder.Services.AddScoped<IDomainEventHandler<StockAdjusted>, RecordMovements>();
builder.Services.AddScoped<IDomainEventHandler<StockReserved>, RecordMovements>();
builder.Services.AddScoped<IDomainEventHandler<StockReleased>, RecordMovements>();
builder.Services.AddScoped<IDomainEventHandler<StockReservationExpired>, RecordMovements>();
builder.Services.AddScoped<IDomainEventHandler<StockShipped>, RecordMovements>();
builder.Services.AddScoped<ICommittedEventHandler<StockShipped>, ReportLateShipments>();
builder.Services.AddScoped<ICommittedEventHandler<StockAdjusted>, ReportLateShipments>();
builder.Services.AddOptions<ReservationSettings>().BindConfiguration("Inventory").ValidateDataAnnotations().ValidateOnStart();
builder.Services.AddHostedService<ReservationSweeper>();
builder.Services.AddHostedService<ReservationRehearsal>();
builder.Services.AddSingleton<StockInvariant>().AddInvariants((services, _, ct) =>
    services.GetRequiredService<StockInvariant>().ReadAsync(services.GetRequiredService<InventoryDbContext>(), ct));

var app = builder.Build();
if (args is ["verify-stock"])
{
    return await app.VerifyStockAsync(Console.Out);
}

if (await app.RunCommandAsync<InventoryDbContext>(args) is { } exitCode)
{
    return exitCode;
}

app.UseServiceDefaults();
app.MapGetProducts();
app.MapOfferProduct();
app.MapReceiveStock();
app.MapAdjustStock();
app.MapWatchStock();
app.MapMovements();
await app.RunAsync();
return 0;
