using Shop.Contracts;
using Shop.Messaging;
using Shop.Messaging.LogTailing;
using Shop.Notification.Features.DeleteContact;
using Shop.Notification.Features.Deliver;
using Shop.Notification.Features.GetContact;
using Shop.Notification.Features.GetNotifications;
using Shop.Notification.Features.PutContact;
using Shop.Notification.Features.ResendNotification;
using Shop.Notification.Features.RotateWebhookSecret;
using Shop.Notification.Features.WriteNotifications;
using Shop.Notification.Persistence;
using Shop.ServiceDefaults.Hosting;

var builder = ServiceHost.CreateBuilder(args);
builder.AddServiceDefaults<NotificationDbContext>();
builder.Services.AddValidation();
builder.AddMessaging<NotificationDbContext>(ShopEvents.Catalog, bus => bus
    .AddBatchConsumer<CustomerNotificationsConsumer, IIntegrationEvent>()
    .AddConsumer<StaffNotificationsConsumer>()
    .UseRelayOf<NotificationDbContext>(builder.Configuration));
builder.AddNotificationWriting();
builder.AddDelivery();

var app = builder.Build();
if (await app.RunCommandAsync<NotificationDbContext>(args) is { } exitCode)
{
    return exitCode;
}

app.UseServiceDefaults();
app.MapGetNotifications();
app.MapResendNotification();
app.MapPutContact();
app.MapGetContact();
app.MapDeleteContact();
app.MapRotateWebhookSecret();
await app.RunAsync();
return 0;
