using Shop.Notification.Features.Deliver;
using Shop.Notification.Features.GetNotifications;
using Shop.Notification.Features.PutContact;
using Shop.Notification.Features.ResendNotification;
using Shop.Notification.Features.WriteNotifications;
using Shop.Notification.Persistence;
using Shop.ServiceDefaults.Hosting;
using Shop.ServiceDefaults.Messaging;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults<NotificationDbContext>();
builder.Services.AddValidation();
builder.AddMessaging<NotificationDbContext>(bus => bus.AddConsumer<CustomerNotificationsConsumer>());
builder.AddDelivery();

var app = builder.Build();
if (args is ["migrate"])
{
    await app.MigrateAsync<NotificationDbContext>();
    return;
}

app.UseServiceDefaults();
app.MapGetNotifications();
app.MapResendNotification();
app.MapPutContact();
await app.RunAsync();
