using Shop.Inventory;
using Shop.Inventory.Domain;
using Shop.Inventory.Features.GetProducts;
using Shop.Inventory.Features.Movements;
using Shop.Inventory.Features.OfferProduct;
using Shop.Inventory.Features.ReceiveStock;
using Shop.Inventory.Features.ReleaseStock;
using Shop.Inventory.Features.ReserveStock;
using Shop.Inventory.Features.ShipStock;
using Shop.Inventory.Persistence;
using Shop.ServiceDefaults.Domain;
using Shop.ServiceDefaults.Hosting;
using Shop.ServiceDefaults.Messaging;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults<InventoryDbContext>();
builder.Services.AddValidation();
builder.AddMessaging<InventoryDbContext>(PublishedEvents.From, bus => bus
    .AddConsumer<OrderPlacedConsumer>()
    .AddConsumer<OrderCancelledConsumer>()
    .AddConsumer<OrderShippedConsumer>());
builder.Services.AddScoped<StockMoves>();
builder.Services.AddScoped<IDomainEventHandler<StockReceived>, RecordMovements>();
builder.Services.AddScoped<IDomainEventHandler<StockReserved>, RecordMovements>();
builder.Services.AddScoped<IDomainEventHandler<StockReleased>, RecordMovements>();
builder.Services.AddScoped<IDomainEventHandler<StockShipped>, RecordMovements>();

var app = builder.Build();
if (args is ["migrate"])
{
    await app.MigrateAsync<InventoryDbContext>();
    return;
}

app.UseServiceDefaults();
app.MapGetProducts();
app.MapOfferProduct();
app.MapReceiveStock();
app.MapMovements();
await app.RunAsync();
